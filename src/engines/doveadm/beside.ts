import type { Engine, SourceAccess, SourceSurvey } from '../../copying/ports.ts'
import type { EngineRecords } from '../../ledger/ports.ts'
import type { CopyOrder } from '../../model/migration.ts'
import { changeNames, liveFolders, storeFlags } from './both.ts'
import { failure } from './failure.ts'
import { changeOf } from './flags.ts'
import { type Merged, openMerged } from './merged.ts'
import { foldersOf, messagesOf } from './mirror.ts'
import { openPlace, type Place } from './place.ts'
import { isRefusal, openSession, type Session } from './session.ts'
import { withStayed } from './stayed.ts'
import { type Dovecot, installed } from './version.ts'

interface BesideDeps {
  readonly engine: EngineRecords & { readonly stateFolder: string }
  readonly access: Pick<SourceAccess, 'survey'>
  readonly dovecot: Dovecot
  readonly titleOf: (directory: string) => string
}

/** What the source has changed in one folder since keywords were set last. */
interface Changed {
  readonly directory: string
  readonly uidValidity: number
  /** By the UID at the source. */
  readonly words: ReadonlyMap<number, { readonly now: readonly string[]; readonly before: readonly string[] }>
}

const WITHOUT = 'keywords and subscriptions are not copied, doveadm is missing: apt-get install --yes dovecot-core'

/** A run of an engine that copies messages alone, with the rest afterwards. */
export function withBeside(engine: Pick<Engine, 'run'>, deps: Omit<BesideDeps, 'dovecot'>): Engine['run'] {
  return async (order, credential, run) => {
    const copied = await engine.run(order, credential, run)
    if (copied.outcome !== 'complete') return copied
    const { version = '', kind = null } = (await installed()) ?? {}
    if (kind === null) return { ...copied, output: `${copied.output}\n${WITHOUT}`.trim() }
    try {
      const survey = await deps.access.survey(order.provider, credential, run.signal)
      await carryBeside(order, survey, { ...deps, dovecot: { version, kind } }, run.signal)
      return withStayed(copied, survey)
    } catch (error) {
      const { outcome, output } = failure(error, undefined, run.signal)
      return { ...copied, outcome, output: `${copied.output}\n${output}`.trim() }
    }
  }
}

/**
 * What an engine leaves behind that copies messages alone: keywords and subscriptions of the source, as far as they have
 * changed since the last time.
 * @throws DoveadmError
 */
async function carryBeside(
  order: CopyOrder,
  survey: SourceSurvey,
  { engine, dovecot, titleOf }: Omit<BesideDeps, 'access'>,
  signal: AbortSignal,
): Promise<void> {
  const directories = engine.directoriesOf(survey.mailboxes.map(({ mailbox }) => mailbox))
  using merged = openMerged(engine.stateFolder, order.id)
  const changed = changesIn(order.id, survey, directories, engine, merged)
  const wanted = survey.mailboxes.filter(({ wanted, mailbox }) => wanted && survey.subscribed.has(mailbox.name))
  const subscribed = new Set(wanted.map(({ mailbox }) => titleOf(directories.get(mailbox.name) ?? '')))
  const before = merged.subscriptions
  const added = [...subscribed].filter((name) => !before.has(name))
  const removed = [...before].filter((name) => !subscribed.has(name))
  if (changed.length + added.length + removed.length === 0) return
  await using place = await openPlace(order, dovecot, {})
  await using session = await openSession(place, signal)
  await setKeywords(place, session, changed, { engine, merged, titleOf }, signal)
  const here = await liveFolders(session)
  const isHere = (name: string) => here.has(name)
  await changeNames(session, 'SUBSCRIBE', added.filter(isHere))
  await changeNames(session, 'UNSUBSCRIBE', removed.filter(isHere))
  merged.setSubscriptions(new Set([...subscribed].filter(isHere)))
}

function changesIn(
  id: string,
  { mailboxes, keywords }: SourceSurvey,
  directories: ReadonlyMap<string, string>,
  engine: EngineRecords,
  merged: Merged,
): Changed[] {
  return mailboxes.flatMap(({ mailbox: { name } }): Changed[] => {
    const { uidValidity, words } = keywords.get(name) ?? { uidValidity: 0, words: new Map() }
    const directory = directories.get(name) ?? ''
    const delivered = engine.syncState(id, directory, uidValidity)?.flagsOf
    if (delivered === undefined) return []
    const last = merged.keywords({ directory, uidValidity })
    const some = [...new Set([...words.keys(), ...last.keys()])].filter((uid) => delivered.has(uid))
    const all = some.map((uid) => [uid, { now: words.get(uid) ?? [], before: last.get(uid) ?? [] }] as const)
    const differ = all.filter(([, { now, before }]) => {
      const { add, remove } = changeOf(before, now)
      return add.length + remove.length > 0
    })
    return differ.length === 0 ? [] : [{ directory, uidValidity, words: new Map(differ) }]
  })
}

/** Of a message that the person has moved meanwhile, they stay as they are. */
async function setKeywords(
  place: Place,
  session: Session,
  changed: readonly Changed[],
  { engine, merged, titleOf }: Pick<BesideDeps, 'engine' | 'titleOf'> & { merged: Merged },
  signal: AbortSignal,
): Promise<void> {
  if (changed.length === 0) return
  const folders = await foldersOf(place, place.live, signal)
  const messages = await messagesOf(place, place.live, signal)
  for (const { directory, uidValidity, words } of changed) {
    const name = titleOf(directory)
    const { guid = '' } = folders.get(name) ?? {}
    const sourceUid = engine.sourceUids(directory)
    const steps = (messages.get(guid) ?? []).flatMap(({ uid, file }) => {
      const change = words.get(sourceUid(file) ?? 0)
      if (change === undefined) return []
      const { add, remove } = changeOf(change.before, change.now)
      return [
        { uid, how: 'add' as const, flags: add.join(' ') },
        { uid, how: 'remove' as const, flags: remove.join(' ') },
      ]
    })
    const some = steps.filter(({ flags }) => flags !== '')
    for (const group of Map.groupBy(some, ({ how, flags }) => `${how} ${flags}`).values()) {
      const [{ how, flags }] = group as [(typeof group)[number]]
      const uids = group.map(({ uid }) => uid).sort((a, b) => a - b)
      await storeKeywords(session, { name, uids, how }, flags.split(' '))
    }
    const found = (messages.get(guid) ?? []).map(({ file }) => sourceUid(file) ?? 0).filter((uid) => words.has(uid))
    merged.setKeywords({ directory, uidValidity }, new Map(found.map((uid) => [uid, words.get(uid)?.now ?? []])))
  }
}

interface Stored {
  readonly name: string
  readonly uids: readonly number[]
  readonly how: 'add' | 'remove'
}

/** What Dovecot does not take for a keyword is left out, and the ledger names it. */
async function storeKeywords(session: Session, stored: Stored, keywords: readonly string[]): Promise<void> {
  try {
    await storeFlags(session, stored.name, stored.uids, stored.how, keywords)
  } catch (error) {
    if (!isRefusal(error)) throw error
    if (keywords.length > 1) for (const keyword of keywords) await storeKeywords(session, stored, [keyword])
  }
}

import type { EngineRecords } from '../../ledger/ports.ts'
import { decodeName, encodeName, type Mailbox } from '../../model/mailbox.ts'
import { UidSet } from '../../model/uid-set.ts'
import { MIRROR_PREFIX } from './configuration.ts'
import { flagsIn } from './flags.ts'
import { isRefusal, quoted, type Session, unquoted } from './session.ts'

/** A folder as the session shows it. */
export interface Shown {
  /** As people read it, `/` between the levels. */
  readonly name: string
  readonly uidValidity: number
  readonly uidNext: number
  readonly messages: number
}

/** So long may a command be. */
const SET_BYTES = 8_000
/** So many commands are under way at a time. */
const TOGETHER = 100

/** The folders of the mailbox in use. */
export async function liveFolders(session: Session): Promise<Map<string, Shown>> {
  return await statusOf(session, await listed(session, ''), (name) => name)
}

/** The folders of the mirror, by their names there. */
export async function mirrorFolders(session: Session): Promise<Map<string, Shown>> {
  const names = await listed(session, MIRROR_PREFIX)
  const inMirror = (name: string) => name.slice(MIRROR_PREFIX.length) || 'INBOX'
  return await statusOf(session, [...new Set([session.mirrorInbox, ...names])], inMirror)
}

/** The folders of the mailbox in use by the directories that engines know them by. */
export async function liveNames(
  session: Session,
  { directoriesOf }: Pick<EngineRecords, 'directoriesOf'>,
): Promise<Map<string, string>> {
  const names = [...(await liveFolders(session)).keys()]
  const mailboxes = names.map((name): Mailbox => ({ name: encodeName(name), separator: '/', prefix: '' }))
  return new Map([...directoriesOf(mailboxes)].map(([name, directory]) => [directory, decodeName(name)]))
}

/** What the person has subscribed to, as people read it. */
export async function subscribedNames(session: Session): Promise<Set<string>> {
  const names = new Set<string>()
  await session.ask('LSUB "" "*"', (line) => {
    const [, attributes = '', name = ''] = /^\* LSUB \(([^)]*)\) (?:"[^"]*"|NIL) (.+)$/.exec(line) ?? []
    if (name !== '' && !/\\noselect/i.test(attributes)) names.add(decodeName(unquoted(name)))
  })
  return names
}

async function listed(session: Session, prefix: string): Promise<string[]> {
  const names: string[] = []
  await session.ask(`LIST "" ${quoted(`${prefix}*`)}`, (line) => {
    const [, attributes = '', name = ''] = /^\* LIST \(([^)]*)\) (?:"[^"]*"|NIL) (.+)$/.exec(line) ?? []
    const isThere = !/\\(noselect|nonexistent)/i.test(attributes)
    if (name !== '' && isThere) names.push(unquoted(name))
  })
  return names
}

async function statusOf(
  session: Session,
  names: readonly string[],
  shown: (name: string) => string,
): Promise<Map<string, Shown>> {
  const found = new Map<string, Shown>()
  const take = (line: string) => {
    const [, told = '', items = ''] = /^\* STATUS (.+) \(([^)]*)\)$/.exec(line) ?? []
    const value = (item: string) => Number(new RegExp(`\\b${item} (\\d+)`).exec(items)?.[1] ?? 0)
    const name = decodeName(shown(unquoted(told)))
    const counts = { messages: value('MESSAGES'), uidNext: value('UIDNEXT'), uidValidity: value('UIDVALIDITY') }
    if (told !== '') found.set(name, { name, ...counts })
  }
  const asked = names.map((name) => async () => {
    try {
      await session.ask(`STATUS ${quoted(name)} (MESSAGES UIDNEXT UIDVALIDITY)`, take)
    } catch (error) {
      // Dovecot lists some that are there in name only.
      if (!isRefusal(error)) throw error
    }
  })
  await some(asked)
  return found
}

type Messages = ReadonlyMap<number, readonly string[]>

/** The messages of folders of the mirror, with their flags and keywords, sorted, by ascending UID; by the folder's name. */
export async function mirrorMessages(session: Session, names: readonly string[]): Promise<Map<string, Messages>> {
  const found = new Map<string, Messages>()
  // Both are on their way before the first is answered.
  await some(names.map((name) => async () => void found.set(name, await messagesIn(session, name))))
  return found
}

async function messagesIn(session: Session, name: string): Promise<Messages> {
  const found: [number, readonly string[]][] = []
  const opened = openMirrored(session, name)
  const listed = session.ask('UID FETCH 1:* (UID FLAGS)', (line) => {
    const [, uid, flags = ''] = /^\* \d+ FETCH \(UID (\d+) FLAGS \(([^)]*)\)\)$/.exec(line) ?? []
    if (uid !== undefined) found.push([Number(uid), flagsIn(flags)])
  })
  await Promise.all([opened, listed])
  return new Map(found.sort(([a], [b]) => a - b))
}

/** Opens a folder of the mirror, read-only. */
export async function openMirrored(session: Session, name: string): Promise<void> {
  await session.ask(`EXAMINE ${quoted(mirrorName(session, name))}`)
}

function mirrorName({ mirrorInbox }: Session, name: string): string {
  return name === 'INBOX' ? mirrorInbox : `${MIRROR_PREFIX}${encodeName(name)}`
}

/** Copies messages of a folder of the mirror into one of the mailbox in use. */
export async function copyMessages(session: Session, from: string, uids: readonly number[], to: string): Promise<void> {
  await openMirrored(session, from)
  for (const set of setsOf(uids)) await session.ask(`UID COPY ${set} ${quoted(encodeName(to))}`)
}

/** Adds or removes flags and keywords in a folder of the mailbox in use. */
export async function storeFlags(
  session: Session,
  folder: string,
  uids: readonly number[],
  how: 'add' | 'remove',
  flags: readonly string[],
): Promise<void> {
  await session.ask(`SELECT ${quoted(encodeName(folder))}`)
  const sign = how === 'add' ? '+' : '-'
  for (const set of setsOf(uids)) await session.ask(`UID STORE ${set} ${sign}FLAGS.SILENT (${flags.join(' ')})`)
  await session.ask('UNSELECT')
}

export async function changeNames(
  session: Session,
  how: 'CREATE' | 'SUBSCRIBE' | 'UNSUBSCRIBE',
  names: readonly string[],
): Promise<void> {
  await some(names.map((name) => () => session.ask(`${how} ${quoted(encodeName(name))}`)))
}

async function some(asked: readonly (() => Promise<void>)[]): Promise<void> {
  for (let at = 0; at < asked.length; at += TOGETHER) {
    await Promise.all(asked.slice(at, at + TOGETHER).map((ask) => ask()))
  }
}

function* setsOf(uids: readonly number[]): Generator<string> {
  let set = ''
  for (const range of `${UidSet.of(uids)}`.split(',')) {
    if (set !== '' && set.length + range.length > SET_BYTES) {
      yield set
      set = ''
    }
    set = set === '' ? range : `${set},${range}`
  }
  if (set !== '') yield set
}

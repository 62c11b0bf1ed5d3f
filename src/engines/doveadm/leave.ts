import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { SourceWriter } from '../../copying/ports.ts'
import type { Credential } from '../../keys/ports.ts'
import type { Opened } from '../../ledger/ports.ts'
import { digestOf } from '../../model/message-digest.ts'
import type { CopyOrder } from '../../model/migration.ts'
import { NotFlipped, SourceRefuses } from '../../model/not-flipped.ts'
import type { DoveadmDeps } from './engine.ts'
import { hasRecord, openRecord } from './flipped.ts'
import { type Snapshot, snapshot } from './here.ts'
import { keepForFlip, type Refused, refusedText } from './kept-late.ts'
import { type Late, lateAt } from './late.ts'
import { refuseStorage } from './movable.ts'
import { mailboxBecomesMirror, putAside } from './moves.ts'
import { openPlace, type Place } from './place.ts'
import type { Known } from './return-plan.ts'
import { titlesOf } from './source-names.ts'
import type { Dovecot } from './version.ts'

/**
 * After a return: what was delivered here too late goes to the source, and the mailbox, which the source has all of now, is the
 * mirror. Without a record nobody knows what the source has of it: then it is put aside, and the next flip merges it. May be
 * repeated, until the record is removed.
 * @param isLast what the source refuses is kept for the next flip
 * @returns what that is, and where: a line each
 * @throws NotFlipped where it refuses something, and this is not the last time
 */
export async function leave(
  order: CopyOrder,
  credential: Credential,
  isLast: boolean,
  dovecot: Dovecot,
  deps: DoveadmDeps,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const { stateFolder } = deps.shared
  await refuseStorage()
  await using place = await openPlace(order, dovecot, {})
  if (!hasRecord(stateFolder, order.id)) {
    await putAside(place, signal)
    return []
  }
  let told: readonly string[] = []
  if (existsSync(join(order.home, 'Maildir'))) {
    const refused = await bringLate(order, credential, place, deps, signal)
    if (refused.length > 0 && !isLast) throw new NotFlipped(refused.map(({ text }) => text).join('\n'))
    if (refused.length > 0) told = await keepForFlip(refused, order, dovecot, signal)
  }
  await mailboxBecomesMirror(place, signal)
  return told
}

/** @returns what the source does not take */
async function bringLate(
  { id, provider }: CopyOrder,
  credential: Credential,
  place: Place,
  deps: DoveadmDeps,
  signal: AbortSignal,
): Promise<Refused[]> {
  using record = openRecord(deps.shared.stateFolder, id)
  const { known } = record
  const here = await snapshot(place, deps.destination, signal)
  const source = await deps.access.folders(provider, credential, signal)
  const names = titlesOf(source, deps)
  const late = lateAt(here.folders, names, known)
  if (late.length === 0) return []
  const lateIn = Map.groupBy(late, ({ name }) => name)
  const mailboxes = source.mailboxes.map(({ mailbox }) => mailbox).filter(({ name }) => lateIn.has(name))
  const opened = await deps.access.list(provider, credential, mailboxes, signal)
  await using writer = await deps.access.writer(provider, credential, signal)
  const refused: Refused[] = []
  for (const [name, some] of lateIn) {
    const there = { name, opened: opened.get(name), known: known.get(name) }
    refused.push(...(await bringInto(there, some, here, writer)))
  }
  return refused
}

interface There {
  readonly name: string
  readonly opened: Opened | undefined
  readonly known: Known | undefined
}

/** What one message is refused for says nothing of the others. */
async function bringInto(
  folder: There,
  late: readonly Late[],
  here: Snapshot,
  writer: SourceWriter,
): Promise<Refused[]> {
  const there = await refusable(() => digestsSince(folder, writer))
  const refused: Refused[] = []
  for (const { title, uid, flags } of late) {
    const [body, date] = [await here.bodyOf(title, uid), here.dateOf(title, uid)]
    const marks = flags.split(' ').filter((flag) => flag !== '')
    const isThere = typeof there !== 'string' && there.has(digestOf(body))
    const put = () => writer.append(folder.name, { flags: marks, date, body })
    const why = typeof there === 'string' ? there : isThere ? null : await refusable(put)
    if (typeof why === 'string') refused.push({ title, uid, text: refusedText(title, { date, body }, why) })
  }
  return refused
}

/** An attempt before this one may have been cut off after it had brought some. */
async function digestsSince({ name, opened, known }: There, writer: SourceWriter): Promise<ReadonlySet<string>> {
  if (opened === undefined || 'refusal' in opened) throw new SourceRefuses(`the old server does not list ${name}`)
  await writer.open(name)
  const { uidNext = 1, uidValidity } = known ?? {}
  const since = opened.messages.filter(({ uid }) => uid >= uidNext || opened.uidValidity !== uidValidity)
  return new Set((await writer.digests(since)).values())
}

/** @returns why the source refuses it, in the place of what it gives */
async function refusable<T>(ask: () => Promise<T>): Promise<T | string> {
  try {
    return await ask()
  } catch (error) {
    if (error instanceof SourceRefuses) return error.message
    throw error
  }
}

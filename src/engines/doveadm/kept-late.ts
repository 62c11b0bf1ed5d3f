import { count } from '../../model/count.ts'
import { Digesting } from '../../model/message-digest.ts'
import type { CopyOrder } from '../../model/migration.ts'
import { toDisk } from './land.ts'
import { foldersOf } from './mirror.ts'
import { makeHomeBefore } from './moves.ts'
import { openPlace, runsAs } from './place.ts'
import { copyTo } from './strays.ts'
import type { Dovecot } from './version.ts'

/** A message that came here too late for a return, and that the source does not take. */
export interface Refused {
  /** Its folder here, as people read it. */
  readonly title: string
  readonly uid: number
  /** By what an administrator finds it, and why it is refused. */
  readonly text: string
}

/** @param date in whole seconds since 1970 */
export function refusedText(title: string, { date, body }: { date: number; body: Buffer }, why: string): string {
  const digesting = new Digesting()
  digesting.add(body)
  const { messageId } = digesting.result()
  const day = new Date(date * 1000).toISOString()
  return `${title}: ${messageId || 'a message without Message-ID'}, ${day}, ${count(body.length)} bytes: ${why}`
}

/**
 * Keeps messages of the mailbox here where the next flip finds them: it brings what is not there.
 * @returns what was kept, and where: a line each
 */
export async function keepForFlip(
  refused: readonly Refused[],
  order: CopyOrder,
  dovecot: Dovecot,
  signal: AbortSignal,
): Promise<string[]> {
  const { home } = order
  const owner = runsAs(home)
  const kept = await makeHomeBefore({ home, owner }, signal)
  await using place = await openPlace(order, dovecot, {}, kept)
  const folders = await foldersOf(place, place.live, signal)
  for (const [name, some] of Map.groupBy(refused, ({ title }) => title)) {
    const { guid = '' } = folders.get(name) ?? {}
    const uids = some.map(({ uid }) => uid)
    await copyTo(place.before, place, { user: place.live, name, guid, uids, isNew: true }, signal)
  }
  await toDisk(place, signal)
  const where = `until the next flip brings it into the mailbox here, it is kept in ${kept}`
  return [`the old server refuses what came here too late; ${where}`, ...refused.map(({ text }) => text)]
}

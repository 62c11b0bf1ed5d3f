import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Credential } from '../../keys/ports.ts'
import { digestOf } from '../../model/message-digest.ts'
import type { CopyOrder } from '../../model/migration.ts'
import { NotFlipped } from '../../model/not-flipped.ts'
import type { DoveadmDeps } from './engine.ts'
import { hasRecord, openRecord } from './flipped.ts'
import { snapshot } from './here.ts'
import { lateAt } from './late.ts'
import { refuseStorage } from './movable.ts'
import { mailboxBecomesMirror, putAside } from './moves.ts'
import { openPlace, type Place } from './place.ts'
import { titlesOf } from './source-names.ts'
import type { Dovecot } from './version.ts'

/**
 * After a return: what was delivered here too late goes to the source, and the mailbox, which the source has all of now, is the
 * mirror. Without a record nobody knows what the source has of it: then it is put aside, and the next flip merges it. May be
 * repeated, until the record is removed.
 */
export async function leave(
  order: CopyOrder,
  credential: Credential,
  dovecot: Dovecot,
  deps: DoveadmDeps,
  signal: AbortSignal,
): Promise<void> {
  const { stateFolder } = deps.shared
  await refuseStorage(signal)
  await using place = await openPlace(order, dovecot, {})
  if (!hasRecord(stateFolder, order.id)) return await putAside(place, signal)
  if (existsSync(join(order.home, 'Maildir'))) await bringLate(order, credential, place, deps, signal)
  await mailboxBecomesMirror(place, signal)
}

async function bringLate(
  { id, provider }: CopyOrder,
  credential: Credential,
  place: Place,
  deps: DoveadmDeps,
  signal: AbortSignal,
): Promise<void> {
  using record = openRecord(deps.shared.stateFolder, id)
  const { known } = record
  const here = await snapshot(place, deps.destination, signal)
  const source = await deps.access.folders(provider, credential, signal)
  const names = titlesOf(source, deps)
  const late = lateAt(here.folders, names, known)
  if (late.length === 0) return
  const lateIn = Map.groupBy(late, ({ name }) => name)
  const mailboxes = source.mailboxes.map(({ mailbox }) => mailbox).filter(({ name }) => lateIn.has(name))
  const opened = await deps.access.list(provider, credential, mailboxes, signal)
  await using writer = await deps.access.writer(provider, credential, signal)
  for (const [name, some] of lateIn) {
    const listed = opened.get(name)
    if (listed === undefined || 'refusal' in listed) throw new NotFlipped(`the old server does not list ${name}`)
    await writer.open(name)
    const { uidNext = 1, uidValidity } = known.get(name) ?? {}
    const since = listed.messages.filter(({ uid }) => uid >= uidNext || listed.uidValidity !== uidValidity)
    // An attempt before this one may have been cut off after it had brought some.
    const there = new Set((await writer.digests(since)).values())
    for (const { title, uid, flags } of some) {
      const body = await here.bodyOf(title, uid)
      if (there.has(digestOf(body))) continue
      const marks = flags.split(' ').filter((flag) => flag !== '')
      await writer.append(name, { flags: marks, date: here.dateOf(title, uid), body })
    }
  }
}

import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { DigestCache, KnownFile } from '../../ledger/ports.ts'
import { batchesOf } from '../../model/batches.ts'
import type { CopyOrder } from '../../model/migration.ts'
import { UidSet } from '../../model/uid-set.ts'
import { runProcess } from '../process.ts'
import { alreadyThere } from './adopt.ts'
import { readFiles } from './content.ts'
import { DoveadmError, doveadm } from './doveadm.ts'
import type { DoveadmDeps } from './engine.ts'
import { toDisk } from './land.ts'
import { foldersOf } from './mirror.ts'
import { openPlace, type Place } from './place.ts'
import type { Dovecot } from './version.ts'

type StrayDeps = Pick<DoveadmDeps, 'destination' | 'digests'>

/**
 * What lay in the mailbox's place before a flip comes into it, as far as it is not there: mail that was delivered here too
 * early. The UIDs of what is there stay.
 */
export async function mergeBefore(
  order: CopyOrder,
  dovecot: Dovecot,
  deps: StrayDeps,
  signal: AbortSignal,
): Promise<void> {
  for (const home of await homesBefore(order.home)) {
    await using place = await openPlace(order, dovecot, {}, home)
    await mergeOne(place, home, deps, signal)
    await remove(place, home, signal)
  }
  await using place = await openPlace(order, dovecot, {})
  await remove(place, join(order.home, '.postferry/flip'), signal)
}

async function homesBefore(home: string): Promise<string[]> {
  const folder = join(home, '.postferry/before')
  const names = await readdir(folder).catch(() => [])
  return names.filter((name) => /^[\da-f-]{36}$/.test(name)).map((name) => join(folder, name))
}

async function mergeOne(place: Place, home: string, { destination, digests }: StrayDeps, signal: AbortSignal) {
  const there = await readdir(join(home, 'Maildir')).catch(() => null)
  if (there === null) return
  const folders = await foldersOf(place, place.before, signal)
  if ([...folders.values()].every(({ messages }) => messages === 0)) return
  const beside = { ...place, live: place.before, home }
  const strays = await readFiles(beside, { destination, digests: forgotten() }, signal)
  using known = digests.open(place.live.replace(/^m-/, ''))
  const present = await readFiles(place, { destination, digests: known }, signal)
  const candidates = strays.map((one) => ({ ...one, uidValidity: 0 }))
  const found = alreadyThere(candidates, present, [])
  const absent = Map.groupBy(
    candidates.filter((one) => !found.has(one)),
    ({ directory }) => destination.titleOf(directory),
  )
  const names = await foldersOf(place, place.live, signal)
  for (const { name, guid } of folders.values()) {
    const uids = absent.get(name)?.map(({ uid }) => uid) ?? []
    if (uids.length === 0) continue
    await copyTo(place.live, place, { user: place.before, name, guid, uids, isNew: !names.has(name) }, signal)
  }
  await toDisk(place, signal)
}

interface Copied {
  readonly user: string
  readonly name: string
  readonly guid: string
  readonly uids: readonly number[]
  /** The other user has no such folder. */
  readonly isNew: boolean
}

/** Copies messages into the folder of that name that another user of the place has. @throws DoveadmError */
export async function copyTo(
  to: string,
  place: Place,
  { user, name, guid, uids, isNew }: Copied,
  signal: AbortSignal,
): Promise<void> {
  if (name !== 'INBOX' && isNew) await must(place, ['mailbox', 'create', '-u', to, '--', name], signal)
  // A name is taken for a pattern: the guid is that folder's alone.
  const query = (set: string) => ['mailbox', name, 'mailbox-guid', guid, 'uid', set]
  for (const some of batchesOf(uids, TOGETHER)) {
    const from = ['user', user, ...query(`${UidSet.of(some)}`)]
    await must(place, ['copy', '-u', to, '--', name, ...from], signal)
  }
}

/** So many UIDs fit into an argument. */
const TOGETHER = 5_000

/** @throws DoveadmError */
async function must(place: Place, args: readonly string[], signal: AbortSignal): Promise<void> {
  const end = await doveadm(place, args, signal)
  if (end.exitCode !== 0) throw new DoveadmError(args[0] ?? '', end)
}

/** Of what is read once. */
function forgotten(): DigestCache {
  const files = new Map<string, ReadonlyMap<string, KnownFile>>()
  return {
    files: {
      of: (directory) => files.get(directory) ?? new Map(),
      keep: (directory, known) => void files.set(directory, known),
    },
    listings: { of: () => null, keep: () => undefined },
    messages: { of: () => new Map(), add: () => undefined, forget: () => undefined, bytes: () => 0 },
    [Symbol.dispose]: () => undefined,
  }
}

async function remove({ owner }: Place, path: string, signal: AbortSignal): Promise<void> {
  const args = ['-rf', '--', path]
  const end = await runProcess({ program: 'rm', args, owner, signal, isUrgent: () => true, onLine: () => undefined })
  if (end.exitCode !== 0) throw new Error(`${path} cannot be removed`)
}

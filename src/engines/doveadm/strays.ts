import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { DigestCache, KnownFile } from '../../ledger/ports.ts'
import { batchesOf } from '../../model/batches.ts'
import { count } from '../../model/count.ts'
import type { CopyOrder } from '../../model/migration.ts'
import { Told } from '../../model/not-flipped.ts'
import { UidSet } from '../../model/uid-set.ts'
import { runProcess } from '../process.ts'
import { alreadyThere } from './adopt.ts'
import { type LiveMessage, readAllFiles, readFiles } from './content.ts'
import { DoveadmError, doveadm } from './doveadm.ts'
import type { DoveadmDeps } from './engine.ts'
import { toDisk } from './land.ts'
import { foldersOf } from './mirror.ts'
import { openPlace, type Place, RootsMail, runsAs } from './place.ts'
import type { Dovecot } from './version.ts'

type StrayDeps = Pick<DoveadmDeps, 'destination' | 'digests'>

/**
 * What lay in the mailbox's place before a flip comes into it, as far as it is not there: mail that was delivered here too
 * early. The UIDs of what is there stay. Each goes when it is merged: what the person deletes afterwards is not brought back.
 */
export async function mergeBefore(
  { home, ...order }: CopyOrder,
  dovecot: Dovecot,
  deps: StrayDeps,
  signal: AbortSignal,
): Promise<void> {
  if ((await entriesOf(home)) === null) throw new Told(`${home} is not there`)
  const emptied = [join(home, '.postferry/flip')]
  for (const before of await homesBefore(home)) {
    if ((await entriesOf(join(before, 'Maildir'))) === null) emptied.push(before)
    else {
      await using place = await openPlace({ ...order, home }, dovecot, {}, before)
      await mergeOne(place, before, deps, signal)
      await remove(home, [before], signal)
    }
  }
  await remove(home, emptied, signal)
}

async function homesBefore(home: string): Promise<string[]> {
  const folder = join(home, '.postferry/before')
  const names = (await entriesOf(folder)) ?? []
  return names
    .filter((name) => /^[\da-f-]{36}$/.test(name))
    .sort()
    .map((name) => join(folder, name))
}

/** Null: there is no such folder, and nothing but that. */
async function entriesOf(folder: string): Promise<string[] | null> {
  try {
    return await readdir(folder)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw error
  }
}

/** When this resolves, the mailbox has all that is there. @throws Told where it has not */
async function mergeOne(place: Place, home: string, { destination, digests }: StrayDeps, signal: AbortSignal) {
  const beside = { ...place, live: place.before, home }
  const strays = await readAllFiles(beside, { destination, digests: forgotten() }, signal)
  if (strays.length === 0) return
  const candidates = strays.map((one) => ({ ...one, uidValidity: 0 }))
  using known = digests.open(place.live.replace(/^m-/, ''))
  const lacking = async () => {
    const found = alreadyThere(candidates, await readFiles(place, { destination, digests: known }, signal), [])
    return candidates.filter((one) => !found.has(one))
  }
  const absent = Map.groupBy(await lacking(), ({ directory }) => destination.titleOf(directory))
  if (absent.size > 0) {
    await copyAbsent(place, absent, signal)
    const { length } = await lacking()
    if (length > 0) throw new Told(`${count(length)} messages of ${home} have not come into the mailbox`)
  }
  await toDisk(place, signal)
}

/** @param absent what lies there and not in the mailbox, by the folder's name */
async function copyAbsent(
  place: Place,
  absent: ReadonlyMap<string, readonly Pick<LiveMessage, 'uid'>[]>,
  signal: AbortSignal,
): Promise<void> {
  const folders = await foldersOf(place, place.before, signal)
  const names = await foldersOf(place, place.live, signal)
  for (const [name, messages] of absent) {
    const { guid = '' } = folders.get(name) ?? {}
    const uids = messages.map(({ uid }) => uid)
    await copyTo(place.live, place, { user: place.before, name, guid, uids, isNew: !names.has(name) }, signal)
  }
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

async function remove(home: string, paths: readonly string[], signal: AbortSignal): Promise<void> {
  const owner = runsAs(home)
  if (owner?.uid === 0) throw new RootsMail(`${home} belongs to root, and Dovecot serves no mail of root's`)
  let said = ''
  const end = await runProcess({
    ...{ program: 'rm', args: ['-rf', '--', ...paths], owner, signal, isUrgent: () => true },
    onLine(line) {
      said = line
    },
  })
  if (end.exitCode !== 0) throw new Told(`what is merged cannot be removed: ${said}`)
}

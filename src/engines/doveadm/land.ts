import { UidSet } from '../../model/uid-set.ts'
import { runProcess } from '../process.ts'
import { mustDo } from './doveadm.ts'
import type { Place } from './place.ts'

/** Messages of one folder: doveadm takes a name for a pattern, its guid is that folder's alone. */
export interface Some {
  readonly name: string
  readonly guid: string
  readonly uids: readonly number[]
}

/** Linux takes 128 KiB for one argument, and two megabytes for all as a rule. */
const ARGUMENT_BYTES = 100_000
const ARGUMENTS_BYTES = 1_000_000

/** Copies messages of a folder of the mirror. */
export async function copyTo(place: Place, folder: string, some: Some, signal: AbortSignal): Promise<void> {
  for (const query of queries(some)) {
    await mustDo(place, ['copy', '-u', place.live, '--', folder, 'user', place.mirror, ...query], signal)
  }
}

/** Adds or removes flags and keywords in the mailbox in use. */
export async function setFlags(
  place: Place,
  how: 'add' | 'remove',
  flags: readonly string[],
  some: Some,
  signal: AbortSignal,
): Promise<void> {
  for (const query of queries(some)) {
    await mustDo(place, ['flags', how, '-u', place.live, '--', flags.join(' '), ...query], signal)
  }
}

/** @param how `create`, `subscribe` or `unsubscribe` */
export async function changeFolders(
  place: Place,
  how: 'create' | 'subscribe' | 'unsubscribe',
  names: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  for (const some of parts(names, ARGUMENTS_BYTES)) {
    await mustDo(place, ['mailbox', how, '-u', place.live, '--', ...some], signal)
  }
}

/** What was done is on the disk then, dates and names included. @throws when the disk cannot keep it */
export async function toDisk({ home, owner }: Place, signal: AbortSignal): Promise<void> {
  const args = ['--file-system', '--', home]
  const end = await runProcess({ program: 'sync', args, owner, signal, isUrgent: () => true, onLine: () => undefined })
  if (end.exitCode !== 0) throw new Error('the new server cannot keep what was copied')
}

function* queries({ name, guid, uids }: Some): Generator<string[]> {
  for (const set of parts(`${UidSet.of(uids)}`.split(','), ARGUMENT_BYTES)) {
    yield ['mailbox', name, 'mailbox-guid', guid, 'uid', set.join(',')]
  }
}

function* parts(all: readonly string[], most: number): Generator<string[]> {
  let [some, size]: [string[], number] = [[], 0]
  for (const one of all) {
    const bytes = Buffer.byteLength(one) + 1
    if (some.length > 0 && size + bytes > most) {
      yield some
      ;[some, size] = [[], 0]
    }
    some.push(one)
    size += bytes
  }
  if (some.length > 0) yield some
}

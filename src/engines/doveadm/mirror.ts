import { Told } from '../../model/not-flipped.ts'
import { runProcess } from '../process.ts'
import { DoveadmError, doveadm, type Ended, readTable } from './doveadm.ts'
import { flagsIn } from './flags.ts'
import type { Place } from './place.ts'

/** A folder as doveadm tells of it. */
export interface Folder {
  /** As people read it, `/` between the levels. */
  readonly name: string
  readonly guid: string
  readonly uidValidity: number
  readonly uidNext: number
  readonly messages: number
}

/** A message as doveadm tells of it. */
export interface Message {
  readonly uid: number
  /** The name of its file, without flags. */
  readonly file: string
  /** System flags and keywords, sorted. */
  readonly flags: readonly string[]
}

/** So few folders are renewed one by one; of more, the whole mirror is looked at. */
export const ONE_BY_ONE = 3

/** Done, but for changes that a further run brings, or that doveadm cannot make: dsync(1). The ledger decides. */
const EX_AGAIN = 2
/** The INBOX of a mirror cannot be made anew: only a mirror from nothing heals that. */
const EX_DATAERR = 65
const EX_NOTFOUND = 68
const MOST_RUNS = 3

export interface Renewing {
  readonly signal: AbortSignal
  /** Aborted: the source hands over nothing more, and that is no fault of the mirror. */
  readonly spent?: AbortSignal
  /** Whether the way to the source has failed, and the source has not. */
  wasLetDown?(): boolean
}

/**
 * Makes the mirror what the source is now. A stuck one is only a copy: it is thrown away and made again.
 * @param leftOut names of folders in the mirror that are not wanted
 * @returns whether it was made again from nothing
 * @throws DoveadmError
 */
export async function renewMirror(
  place: Place,
  leftOut: readonly string[],
  { signal, spent, wasLetDown }: Renewing,
): Promise<boolean> {
  let isNew = false
  for (let run = 1; ; run++) {
    const end = await backup(place, leftOut, signal)
    const isRepeated = end.exitCode === EX_AGAIN && run > 1
    const isLast = signal.aborted || spent?.aborted || run === MOST_RUNS
    if (end.exitCode === 0 || (isRepeated && (isLast || place.isPlain))) return isNew
    if (isLast || !(isWorthAnother(end) || wasLetDown?.())) throw new DoveadmError('backup', end)
    // Other storages never get over some names that have been changed on the way in (2.3: a folder called 100%).
    if (!isStuck(end) && !isRepeated) continue
    await removeMirror(place, signal)
    isNew = true
  }
}

/** So it is when somebody has deleted a message, or renamed a folder, while it was copied. */
function isWorthAnother(end: Ended): boolean {
  const isOvertaken = end.exitCode === EX_NOTFOUND || end.said.some((line) => /didn't send mail/.test(line))
  return isOvertaken || isStuck(end) || end.exitCode === EX_AGAIN
}

/**
 * The same in some of its folders.
 * @param names in the mirror
 * @throws DoveadmError
 */
export async function renewFolders(place: Place, names: readonly string[], signal: AbortSignal): Promise<void> {
  for (const name of names) {
    const args = ['backup', '-R', '-u', place.mirror, '-m', name, 'imapc:']
    const end = await doveadm(place, args, signal)
    if (end.exitCode === EX_AGAIN) refuseFailed(await doveadm(place, args, signal))
    else refuseFailed(end)
  }
}

function refuseFailed(end: Ended): void {
  if (end.exitCode !== 0) throw new DoveadmError('backup', end)
}

function backup({ mirror, ...place }: Place, leftOut: readonly string[], signal: AbortSignal): Promise<Ended> {
  const without = leftOut.flatMap((name) => ['-x', name])
  return doveadm({ mirror, ...place }, ['backup', '-R', '-u', mirror, ...without, 'imapc:'], signal)
}

function isStuck({ exitCode, said }: Ended): boolean {
  return exitCode === EX_DATAERR || said.some((line) => /INBOX can't be deleted|Headers hashes don't match/.test(line))
}

const REST = `
set -e
rm -rf -- "$2"`

/** At once: half of it, for whoever is cut off here, would look like a mirror. */
const REMOVE = `${REST}
test -e "$1" || exit 0
mv -T -- "$1" "$2"
rm -rf -- "$2"`

type Where = Pick<Place, 'mirrorHome' | 'owner'>

/** Where a mirror is while it is removed. */
export function removed({ mirrorHome }: Pick<Place, 'mirrorHome'>): string {
  return `${mirrorHome}.removed`
}

/** @throws Told */
export async function removeMirror(where: Where, signal: AbortSignal = new AbortController().signal): Promise<void> {
  await remove(REMOVE, where, signal)
}

/** What is left of one that was not removed to the end. @throws Told */
export async function removeRest(where: Where, signal: AbortSignal): Promise<void> {
  await remove(REST, where, signal)
}

/** As its owner: root follows no link of theirs. */
async function remove(script: string, where: Where, signal: AbortSignal): Promise<void> {
  const { exitCode } = await runProcess({
    program: 'setpriv',
    args: ['--pdeathsig', 'KILL', 'sh', '-c', script, 'sh', where.mirrorHome, removed(where)],
    owner: where.owner,
    signal,
    isUrgent: () => true,
    onLine: () => undefined,
  })
  if (exitCode !== 0) throw new Told('the mirror cannot be removed')
}

/** The folders of the mirror, or of the mailbox in use, by name. */
export async function foldersOf(place: Place, user: string, signal: AbortSignal): Promise<Map<string, Folder>> {
  return (await readFolders(place, user, signal)).folders
}

/** The same, and whether none was left out. */
export async function readFolders(
  place: Place,
  user: string,
  signal: AbortSignal,
): Promise<{ readonly folders: Map<string, Folder>; readonly isWhole: boolean }> {
  const folders = new Map<string, Folder>()
  const args = ['mailbox', 'status', '-u', user, 'guid uidvalidity uidnext messages', '*']
  const isWhole = await readTable(
    place,
    args,
    signal,
    ({ mailbox = '', guid = '', uidvalidity, uidnext, messages }) => {
      const [uidValidity, uidNext, count] = [uidvalidity, uidnext, messages].map(Number) as [number, number, number]
      folders.set(mailbox, { name: mailbox, guid, uidValidity, uidNext, messages: count })
    },
  )
  return { folders, isWhole }
}

/** Their messages, by the folder's guid and by ascending UID. */
export async function messagesOf(place: Place, user: string, signal: AbortSignal): Promise<Map<string, Message[]>> {
  const found = new Map<string, Message[]>()
  await readTable(place, ['fetch', '-u', user, 'mailbox-guid uid storageid flags', 'all'], signal, (row) => {
    const { 'mailbox-guid': guid = '', uid, storageid: file = '', flags = '' } = row
    const message = { uid: Number(uid), file, flags: flagsIn(flags) }
    const before = found.get(guid)
    if (before === undefined) found.set(guid, [message])
    else before.push(message)
  })
  for (const messages of found.values()) messages.sort((a, b) => a.uid - b.uid)
  return found
}

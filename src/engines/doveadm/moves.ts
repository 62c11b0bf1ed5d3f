import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { NotFlipped } from '../../model/not-flipped.ts'
import { runProcess } from '../process.ts'
import type { Place } from './place.ts'

/**
 * The two moves of a flip, journalled in the home: the mailbox in use goes aside, and the mirror takes its place. Run as the
 * owner of the mail: root follows no link of theirs. Dovecot makes its list of folders anew: the one that doveadm made says
 * of those that are there only for what is below them that they can be opened (2.3.19).
 */
const IN = `
set -e
cd -- "$1"
test -d .postferry/mirror/Maildir
mkdir -p ".postferry/before/$2"
printf %s "$2" >.postferry/flip
sync .postferry/flip .postferry
rm -f .postferry/mirror/Maildir/dovecot.list.index*
if [ -e Maildir ]; then mv -T -- Maildir ".postferry/before/$2/Maildir"; fi
mv -T -- .postferry/mirror/Maildir Maildir
sync . .postferry/mirror ".postferry/before/$2"`

/** As far as they were made. Where the journal names another flip, nothing is touched. */
const BACK = `
set -e
cd -- "$1"
test "$(cat .postferry/flip 2>/dev/null)" = "$2" || exit 0
if [ ! -e .postferry/mirror/Maildir ] && [ -e Maildir ]; then mv -T -- Maildir .postferry/mirror/Maildir; fi
if [ -e ".postferry/before/$2/Maildir" ] && [ ! -e Maildir ]; then mv -T -- ".postferry/before/$2/Maildir" Maildir; fi
sync . .postferry/mirror ".postferry/before/$2"
rm -f .postferry/flip
rmdir ".postferry/before/$2" 2>/dev/null || true`

/** Whether both moves would be a matter of a moment: a link and a rename across the two places. */
const PROBE = `
set -e
cd -- "$1"
test -d .postferry/mirror/Maildir
rm -rf .postferry/mirror/probe postferry-probe
set -- . .postferry/mirror/Maildir
if [ -e Maildir ]; then
  test ! -L Maildir
  set -- "$@" Maildir
fi
devices=$(stat -c %d "$@")
set -- $devices
for device; do test "$device" = "$1"; done
: >.postferry/mirror/probe
ln -T .postferry/mirror/probe postferry-probe
rm -f .postferry/mirror/probe postferry-probe`

/** The other way, after a return: the source has all of the mailbox, so it is an exact mirror. */
const OUT = `
set -e
cd -- "$1"
[ -e Maildir ] || exit 0
test ! -L Maildir
rm -rf .postferry/mirror
mkdir -p .postferry/mirror
mv -T -- Maildir .postferry/mirror/Maildir
sync . .postferry/mirror`

/** To what the next flip merges. */
const ASIDE = `
set -e
cd -- "$1"
[ -e Maildir ] || exit 0
test ! -L Maildir
mkdir -p ".postferry/before/$2"
mv -T -- Maildir ".postferry/before/$2/Maildir"
sync . ".postferry/before/$2"`

/** A home for messages that the next flip merges. */
const BEFORE = `
set -e
cd -- "$1"
mkdir -p ".postferry/before/$2"`

/** Of somebody who has no mailbox at the source. */
const EMPTY = `
set -e
umask 077
for folder in cur new tmp; do mkdir -p -- "$1/.postferry/mirror/Maildir/$folder"; done`

type Where = Pick<Place, 'home' | 'owner'>

/** @throws when the mirror is not in the mailbox's place */
export async function moveIn(where: Where, hold: string, signal: AbortSignal): Promise<void> {
  await run(IN, [where.home, hold], where, signal, 'the mirror cannot be put in the place of the mailbox')
}

const BACK_LIMIT_MS = 120_000

/** Not before it is done does anybody stop it, unless a disk hangs. May be repeated. @throws when something is not where it was */
export async function moveBack(where: Where, hold: string): Promise<void> {
  const limit = AbortSignal.timeout(BACK_LIMIT_MS)
  await run(BACK, [where.home, hold], where, limit, 'what a flip has moved cannot be moved back')
}

/** May be repeated. @throws when the mailbox is not the mirror then */
export async function mailboxBecomesMirror(where: Where, signal: AbortSignal): Promise<void> {
  await run(OUT, [where.home], where, signal, 'the mailbox cannot be put in the place of the mirror')
}

/** Keeps the mailbox, for the next flip. @throws when it is still there */
export async function putAside(where: Where, signal: AbortSignal): Promise<void> {
  await run(ASIDE, [where.home, randomUUID()], where, signal, 'the mailbox cannot be put aside')
}

/** @returns a home, the mail of which the next flip merges; there is none yet. @throws when it cannot be made */
export async function makeHomeBefore(where: Where, signal: AbortSignal): Promise<string> {
  const name = randomUUID()
  await run(BEFORE, [where.home, name], where, signal, 'a place for what is kept cannot be made')
  return join(where.home, '.postferry/before', name)
}

/** A home and a mirror, where there are none. @throws when they cannot be made */
export async function makeEmptyMirror(where: Where, signal: AbortSignal): Promise<void> {
  await run(EMPTY, [where.home], where, signal, 'an empty mailbox cannot be made')
}

/** @throws when the mirror could not be put in the mailbox's place at once */
export async function probeMoves(where: Where, signal: AbortSignal): Promise<void> {
  const cause = 'the mirror cannot be renamed into the mailbox: both have to be on one file system, without links'
  await run(PROBE, [where.home], where, signal, cause)
}

async function run(script: string, args: string[], { owner }: Where, signal: AbortSignal, cause: string) {
  const said: string[] = []
  const end = await runProcess({
    program: 'setpriv',
    args: ['--pdeathsig', 'KILL', 'sh', '-c', script, 'sh', ...args],
    owner,
    signal,
    isUrgent: () => true,
    onLine: (line) => said.push(line),
  })
  if (end.exitCode !== 0) throw new NotFlipped([cause, ...said.slice(-1)].join(': '))
}

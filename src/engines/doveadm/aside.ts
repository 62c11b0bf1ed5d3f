import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Writable } from 'node:stream'
import type { Aside, AsideMessage, StandingIn } from '../../copying/ports.ts'
import { LineFeeds, MOST_BYTES } from '../../model/line-feeds.ts'
import { NotFlipped, Told } from '../../model/not-flipped.ts'
import { runProcess } from '../process.ts'
import type { Ended } from './doveadm.ts'
import type { MergeFolder } from './folders.ts'
import { removed, removeMirror, removeRest } from './mirror.ts'
import type { Place } from './place.ts'
import { shown, troubleOf } from './trouble.ts'

/** doveadm holds a message three times in memory. */
const LARGE_BYTES = 10_000_000
/** A message is not whole, and the mirror has its stand-in. */
const LOST = 3
/** Shorter than a lease. What is not done by then, the next attempt does. */
const GRACE_MS = 20_000

/** Whoever writes ends a message with the token: without it, it is not whole. */
const KEEP = `
set -eC
umask 077
mkdir -p -- "$1/large"
exec cat >"$1/large/$2"`

/**
 * Puts each message in the place of its stand-in in a Maildir that nobody uses, under the same UID: its file is found by
 * size and last line. The message gets a name of its own, then the list names it, then the stand-in goes, and at last the
 * name beside: so whatever stops this, it does the rest when it runs again. Without a stand-in, doveadm asks for the message
 * again; but only files that were read tell that there is none.
 */
const SETTLE = `
set -e
export LC_ALL=C
cd -- "$1"
test -d Maildir || { rm -rf large; exit 0; }
cr=$(printf '\\r')
for file in large/*; do
  test -f "$file" || continue
  token=\${file#large/} token=\${token%%.*} bytes=\${file#*.} bytes=\${bytes%.whole}
  last=$(tail -c 32 -- "$file")
  if test "$last" = "$token"; then
    case $file in *.whole) ;; *) mv -- "$file" "$file.whole"; file=$file.whole ;; esac
    truncate -s -32 -- "$file"
  fi
  standin=$(find Maildir -type f \\( -path '*/cur/*' -o -path '*/new/*' \\) \\
    \\( -name "*,S=$bytes,*" -o -name "*,S=$bytes:*" -o -name "*,S=$bytes" \\) \\
    ! -exec sh -c 'last=$(tail -c 33 -- "$2") && test "$last" != "$1"' sh "$token" {} \\; -print -quit)
  test -z "$standin" || last=$(tail -c 33 -- "$standin")
  test -z "$standin" || test "$last" = "$token" || exit 1
  case $standin,$file in
    ,*) rm -f -- "$file"; continue ;;
    *.whole) ;;
    *) exit ${LOST} ;;
  esac
  folder=\${standin%/*/*} name=\${standin##*/} flags=
  case $name in *:2,*) flags=:2,\${name##*:2,} ;; esac
  name=\${name%"$flags"}
  size=$(stat -c %s -- "$file")
  new=\${name%%,S=*},S=$size
  crs=$(grep -ca "$cr$" -- "$file" || test $? = 1)
  lines=$(wc -l <"$file")
  if test "$crs" = 0; then new=$new,W=$((size + lines)); fi
  list=$folder/dovecot-uidlist
  old=$(printf %s "$name" | sed 's/[][\\.*^$/]/\\\\&/g')
  now=$(printf %s "$new" | sed 's/[][\\.*^$/&]/\\\\&/g')
  # A doveadm that was killed has given it no number: there is no such message.
  listed=0
  if test -e "$list"; then listed=$(grep -ca -e ":$old$" -e ":$now$" -- "$list" || test $? = 1); fi
  if test "$listed" = 0; then rm -f -- "$standin" "$file"; continue; fi
  chmod --reference="$standin" -- "$file"
  touch --reference="$standin" -- "$file"
  ln -fT -- "$file" "\${standin%/*}/$new$flags"
  cp -p -- "$list" "$list.new"
  sed "s/:$old$/:$now/" "$list" >"$list.new"
  mv -T -- "$list.new" "$list"
  rm -f -- "$folder/dovecot.index.cache" "$standin" "$file"
done
rmdir large`

type Where = Pick<Place, 'mirrorHome' | 'owner'>

/** Large messages on their way into a mirror of plain files: doveadm is given stand-ins, and they are put in the place of these. */
export class LargeAside implements Aside {
  readonly fromBytes = LARGE_BYTES
  readonly #where: Where
  readonly #untilLost: AbortSignal
  readonly #writing: Promise<Ended>[] = []
  readonly #copies: Buffer[] = []
  /** What the mirror may have a stand-in for by now: UIDs by mailbox and UIDVALIDITY. */
  readonly #standIns = new Map<string, Set<number>>()

  /** @param signal of the attempt: it tells when the lease is lost */
  constructor(where: Where, signal: AbortSignal) {
    this.#where = where
    this.#untilLost = untilLost(signal)
  }

  open({ message: { mailbox, uidValidity, uid }, token, bytes, onDrain, onFailure }: StandingIn): AsideMessage {
    const key = `${uidValidity} ${mailbox}`
    this.#standIns.set(key, (this.#standIns.get(key) ?? new Set()).add(uid))
    let input: Writable | undefined
    const onInput = (stdin: Writable) => {
      // Why it reads no more, its end tells.
      input = stdin.on('error', () => undefined).on('drain', onDrain)
    }
    const args = ['sh', '-c', KEEP, 'sh', this.#where.mirrorHome, `${token}.${bytes}`]
    const writing = run(this.#where, args, this.#untilLost, onInput).catch((error) => ({
      exitCode: null,
      error,
      said: [],
    }))
    this.#writing.push(writing)
    void writing.then(({ exitCode }) => exitCode === 0 || onFailure())
    const lineFeeds = new LineFeeds()
    let mayGoOn = true
    const write = (some: Buffer) => {
      const copy = this.#copyOf(some)
      mayGoOn = input?.write(copy, () => this.#copies.push(copy)) ?? true
    }
    return {
      write(piece) {
        lineFeeds.add(piece, write)
        return mayGoOn
      },
      end() {
        lineFeeds.end(write)
        input?.end(token)
      },
      abandon: () => input?.end(),
    }
  }

  /** What is written may be written over: Node would let copies of it lie about until they are 64 MB. */
  #copyOf(some: Buffer): Buffer {
    const memory = this.#copies.pop()?.buffer ?? new ArrayBuffer(MOST_BYTES)
    const copy = Buffer.from(memory, 0, some.length)
    some.copy(copy)
    return copy
  }

  /** A folder as it is in the mirror by now, without the stand-ins. */
  without(folder: MergeFolder): MergeFolder {
    const uids = this.#standIns.get(`${folder.uidValidity} ${folder.mailbox.name}`)
    if (uids === undefined) return folder
    return { ...folder, messages: new Map([...folder.messages].filter(([uid]) => !uids.has(uid))) }
  }

  /** What an attempt has left that nobody could stop. When nobody uses the mirror. @throws Told when it cannot be done */
  async recover(): Promise<void> {
    if (existsSync(removed(this.#where))) await removeRest(this.#where, this.#untilLost)
    if ((await runSettle(this.#where, this.#untilLost)) === 'lost') await removeMirror(this.#where, this.#untilLost)
  }

  /** When nobody uses the mirror. @throws Told when a message is not there, and then no stand-in for it is */
  async settle(): Promise<void> {
    const failed = (await Promise.all(this.#writing.splice(0))).find(({ exitCode }) => exitCode !== 0)
    // Others may be at it.
    if (this.#untilLost.aborted) return
    const isLost = (await runSettle(this.#where, this.#untilLost)) === 'lost'
    if (isLost) await removeMirror(this.#where, this.#untilLost)
    this.#standIns.clear()
    if (failed !== undefined || isLost) throw new CannotKeep(failed)
  }
}

/** An attempt that was stopped leaves nothing half done, unless the mailbox may be another's by then. */
function untilLost(signal: AbortSignal): AbortSignal {
  const lost = new AbortController()
  const abort = () => lost.abort('lost-lock')
  const look = () => {
    if (signal.reason === 'lost-lock') abort()
    // Nobody tells any more whether it was lost since.
    else setTimeout(abort, GRACE_MS).unref()
  }
  if (signal.aborted) look()
  else signal.addEventListener('abort', look, { once: true })
  return lost.signal
}

/** For a mirror of a source that cannot be asked any more. @throws Told, NotFlipped when a message has not come whole */
export async function settleLast(where: Where, signal: AbortSignal): Promise<void> {
  await runSettle(where, signal)
  refuseUnsettled(where)
}

/** @throws NotFlipped */
export function refuseUnsettled({ mirrorHome }: Where): void {
  if (existsSync(join(mirrorHome, 'large'))) throw new NotFlipped('a large message is not in the mirror yet')
}

/** The mirror is gone, or has stand-ins still. */
export class CannotKeep extends Told {
  constructor(end?: Ended) {
    super(`a large message cannot be kept\n${end === undefined ? '' : shown(end)}`.trim(), end && troubleOf(end))
  }
}

/** @returns `lost`: a message is not whole, and the mirror has its stand-in. @throws CannotKeep */
async function runSettle(where: Where, signal: AbortSignal): Promise<'settled' | 'lost'> {
  const { mirrorHome } = where
  if (!existsSync(join(mirrorHome, 'large'))) return 'settled'
  const end = await run(where, ['setpriv', '--pdeathsig', 'KILL', 'sh', '-c', SETTLE, 'sh', mirrorHome], signal)
  if (end.exitCode === LOST) return 'lost'
  if (end.exitCode !== 0) throw new CannotKeep(end)
  return 'settled'
}

/** As the owner of the mail: root follows no link of theirs. */
async function run(
  { owner }: Where,
  [program = '', ...args]: readonly string[],
  signal: AbortSignal,
  onInput?: (input: Writable) => void,
): Promise<Ended> {
  const said: string[] = []
  const onLine = (line: string) => said.push(line)
  const isUrgent = () => true
  const end = await runProcess({ program, args, owner, signal, isUrgent, onLine, ...(onInput && { onInput }) })
  return { ...end, said: said.slice(-1) }
}

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Writable } from 'node:stream'
import type { Aside, AsideMessage, PassedBody, StandInName } from '../../copying/ports.ts'
import { LineFeeds, MOST_BYTES } from '../../model/line-feeds.ts'
import { Told } from '../../model/not-flipped.ts'
import { runProcess } from '../process.ts'
import type { Ended } from './doveadm.ts'
import type { MergeFolder } from './folders.ts'
import { removeMirror } from './mirror.ts'
import type { Place } from './place.ts'
import { shown, troubleOf } from './trouble.ts'

/** doveadm holds a message three times in memory. */
const LARGE_BYTES = 10_000_000
const SETTLE_LIMIT_MS = 600_000
/** A message is not whole, and the mirror has its stand-in. */
const LOST = 3

/** What is not whole has no token at its end. */
const KEEP = `
set -eC
umask 077
mkdir -p -- "$1/large"
exec cat >"$1/large/$2"`

/**
 * Puts each message in the place of its stand-in in a Maildir that nobody uses, under the same UID: its file is found by
 * size and last line. Whatever stops it in between, it does all that is left when it runs again.
 */
const SETTLE = `
set -e
export LC_ALL=C
cd -- "$1"
cr=$(printf '\\r')
ends() { tail -c "$3" -- "$1" | grep -qaFx -- "$2"; }
for file in large/*; do
  test -f "$file" || continue
  token=\${file#large/} token=\${token%%.*} bytes=\${file#*.} bytes=\${bytes%.whole}
  if ends "$file" "$token" 32; then
    case $file in *.whole) ;; *) mv -- "$file" "$file.whole"; file=$file.whole ;; esac
    truncate -s -32 -- "$file"
  fi
  standin=$(find Maildir -type f -path '*/[cn][ue][rw]/*' \\( -name "*,S=$bytes,*" -o -name "*,S=$bytes:*" -o -name "*,S=$bytes" \\) \\
    -exec sh -c 'tail -c 33 -- "$2" | grep -qaFx -- "$1"' sh "$token" {} \\; -print -quit)
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
  if ! grep -qa "$cr$" -- "$file"; then new=$new,W=$((size + $(wc -l <"$file"))); fi
  chmod --reference="$standin" -- "$file"
  touch --reference="$standin" -- "$file"
  ln -fT -- "$file" "\${standin%/*}/$new$flags"
  list=$folder/dovecot-uidlist
  cp -p -- "$list" "$list.new"
  old=$(printf %s "$name" | sed 's/[][\\.*^$/]/\\\\&/g') new=$(printf %s "$new" | sed 's/[\\/&]/\\\\&/g')
  sed "s/:$old$/:$new/" "$list" >"$list.new"
  mv -T -- "$list.new" "$list"
  rm -f -- "$folder/dovecot.index.cache" "$standin" "$file"
done
rmdir large`

type Where = Pick<Place, 'mirrorHome' | 'owner'>

/** Large messages on their way into a mirror of plain files: doveadm is given stand-ins, and they are put in the place of these. */
export class LargeAside implements Aside {
  readonly fromBytes = LARGE_BYTES
  readonly #where: Where
  readonly #signal: AbortSignal
  readonly #writing: Promise<Ended>[] = []
  readonly #copies: Buffer[] = []
  /** Of what the mirror may have a stand-in for by now: UIDs by mailbox and UIDVALIDITY. */
  readonly #standIns = new Map<string, Set<number>>()

  constructor(where: Where, signal: AbortSignal) {
    this.#where = where
    this.#signal = signal
  }

  open({ token, bytes, onDrain, onFailure }: StandInName): AsideMessage {
    let input: Writable | undefined
    const onInput = (stdin: Writable) => {
      // Why it reads no more, its end tells.
      input = stdin.on('error', () => undefined).on('drain', onDrain)
    }
    const writing = run(
      this.#where,
      ['sh', '-c', KEEP, 'sh', this.#where.mirrorHome, `${token}.${bytes}`],
      this.#signal,
      onInput,
    )
    this.#writing.push(writing)
    void writing.then(({ exitCode }) => exitCode === 0 || onFailure())
    const lineFeeds = new LineFeeds()
    let mayGoOn = true
    const write = (bytes: Buffer) => {
      const copy = this.#copyOf(bytes)
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
  #copyOf(bytes: Buffer): Buffer {
    const memory = this.#copies.pop()?.buffer ?? new ArrayBuffer(MOST_BYTES)
    const copy = Buffer.from(memory, 0, bytes.length)
    bytes.copy(copy)
    return copy
  }

  /** Before the program has its stand-in. */
  note({ mailbox, uidValidity, uid }: PassedBody): void {
    const key = `${uidValidity} ${mailbox}`
    const uids = this.#standIns.get(key) ?? new Set()
    this.#standIns.set(key, uids.add(uid))
  }

  /** A folder as it is in the mirror by now, without the stand-ins. */
  without(folder: MergeFolder): MergeFolder {
    const uids = this.#standIns.get(`${folder.uidValidity} ${folder.mailbox.name}`)
    if (uids === undefined) return folder
    return { ...folder, messages: new Map([...folder.messages].filter(([uid]) => !uids.has(uid))) }
  }

  /** What an attempt has left that nobody could stop. When no doveadm works there. @throws Told when it cannot be done */
  async recover(): Promise<void> {
    if ((await settle(this.#where)) === 'lost') await removeMirror(this.#where)
  }

  /** When no doveadm works there. @throws Told when a message is not there, and then no stand-in for it is */
  async settle(): Promise<void> {
    const failed = (await Promise.all(this.#writing.splice(0))).find(({ exitCode }) => exitCode !== 0)
    const isLost = (await settle(this.#where)) === 'lost'
    this.#standIns.clear()
    if (isLost) await removeMirror(this.#where)
    if (failed !== undefined || isLost) throw new CannotKeep(failed)
  }
}

class CannotKeep extends Told {
  constructor(end?: Ended) {
    super(`a large message cannot be kept\n${end === undefined ? '' : shown(end)}`.trim(), end && troubleOf(end))
  }
}

/** @returns `lost`: a message is not whole, and the mirror has its stand-in. @throws CannotKeep */
async function settle(where: Where): Promise<'settled' | 'lost'> {
  const { mirrorHome } = where
  if (!existsSync(join(mirrorHome, 'large'))) return 'settled'
  // Also after an attempt was stopped: the next one would do the same.
  const signal = AbortSignal.timeout(SETTLE_LIMIT_MS)
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
  const end = await runProcess({
    program,
    args,
    owner,
    signal,
    isUrgent: () => true,
    onLine,
    ...(onInput && { onInput }),
  })
  return { ...end, said: said.slice(-1) }
}

import type { Writable } from 'node:stream'
import { type End, runProcess } from '../process.ts'
import { DoveadmError } from './doveadm.ts'
import type { Place } from './place.ts'
import { ResponseLines } from './response-lines.ts'

const LINES_KEPT = 20

interface Waiting {
  readonly tag: string
  readonly onLine: (line: string) => void
  readonly onPiece: (piece: Buffer) => void
  resolve(): void
  reject(error: Error): void
}

/** A conversation with Dovecot's own `imap` about the mailbox in use, signed in without a password. */
export interface Session extends AsyncDisposable {
  /** What it calls the mirror's INBOX. */
  readonly mirrorInbox: string
  /**
   * Sends one command; several may be under way, and are answered in their order.
   * @param onLine is called with each untagged response, without its literals
   * @param onPiece is called with the pieces of literals, before the line that they are part of
   * @throws DoveadmError when it is refused, or the process ends
   */
  ask(command: string, onLine?: (line: string) => void, onPiece?: (piece: Buffer) => void): Promise<void>
}

/** The mailbox in use, with the mirror beside it as a namespace of its own. */
export async function openSession(place: Place, signal: AbortSignal): Promise<Session> {
  const talk = new Talk()
  const lines = new ResponseLines(
    (line) => talk.hear(line),
    (piece) => talk.hearPiece(piece),
  )
  const running = runProcess({
    program: 'setpriv',
    args: ['--pdeathsig', 'KILL', 'doveadm', '-c', place.bothConfiguration, 'exec', 'imap', '-u', place.live],
    owner: place.owner,
    signal,
    isUrgent: () => true,
    onInput: (input) => talk.begin(input),
    onLine: () => undefined,
    onOutput: (piece) => lines.take(piece),
    onErrorLine: (line) => talk.complain(line),
  })
  const ended = running.then((end) => talk.end(end))
  return {
    mirrorInbox: place.mirrorInbox,
    ask: (command, onLine, onPiece) => talk.ask(command, onLine, onPiece),
    async [Symbol.asyncDispose]() {
      talk.leave()
      await ended
    },
  }
}

class Talk {
  readonly #waiting: Waiting[] = []
  readonly #said: string[] = []
  #input: Writable | undefined
  #end: End | undefined
  #number = 0

  begin(input: Writable): void {
    this.#input = input
    // Whoever waits learns it from the end of the process.
    input.on('error', () => undefined)
  }

  async ask(
    command: string,
    onLine: (line: string) => void = () => undefined,
    onPiece: (piece: Buffer) => void = () => undefined,
  ): Promise<void> {
    if (this.#end !== undefined) throw this.#failed(command, this.#end)
    const tag = `p${++this.#number}`
    await new Promise<void>((resolve, reject) => {
      this.#waiting.push({ tag, onLine, onPiece, resolve, reject })
      this.#input?.write(`${tag} ${command}\r\n`)
    })
  }

  hear(line: string): void {
    const [first] = this.#waiting
    if (line.startsWith('* ')) {
      first?.onLine(line)
      return
    }
    const [tag = '', status = ''] = line.split(' ', 2)
    const at = this.#waiting.findIndex((one) => one.tag === tag)
    const [asked] = at < 0 ? [] : this.#waiting.splice(at, 1)
    if (status === 'OK') asked?.resolve()
    else asked?.reject(this.#failed('imap', { exitCode: 0, error: null }, line.slice(tag.length + 1)))
  }

  hearPiece(piece: Buffer): void {
    this.#waiting[0]?.onPiece(piece)
  }

  complain(line: string): void {
    this.#said.push(line)
    if (this.#said.length > LINES_KEPT) this.#said.shift()
  }

  leave(): void {
    this.#input?.end('bye LOGOUT\r\n')
  }

  end(end: End): void {
    this.#end = end
    for (const { reject } of this.#waiting.splice(0)) reject(this.#failed('imap', end))
  }

  #failed(command: string, end: End, ...last: string[]): DoveadmError {
    return new DoveadmError(command, { ...end, said: [...this.#said, ...last] })
  }
}

/** Whether Dovecot has said no, and goes on. */
export function isRefusal(error: unknown): boolean {
  return error instanceof DoveadmError && error.end.exitCode === 0
}

/** A quoted name; what Dovecot calls a mailbox has no line in it. */
export function quoted(name: string): string {
  return `"${name.replace(/["\\]/g, '\\$&')}"`
}

/** A name as Dovecot writes it. */
export function unquoted(text: string): string {
  return text.startsWith('"') ? text.slice(1, -1).replace(/\\(.)/g, '$1') : text
}

import type { Socket } from 'node:net'
import type { LoggedIn } from '../login/connection.ts'
import { type Listener, Overhear } from './overhear.ts'
import { ReadOnly, WritesError } from './read-only.ts'

/** What is the tunnel's own affair, or cannot be gone through with on a connection that others use later. */
const NOT_PASSED = /^(AUTH=|LOGINDISABLED|STARTTLS|SASL-IR|COMPRESS=|IDLE$|UTF8=|IMAP4REV2$)/i

/** How a conversation ended. */
export interface Parted {
  /** Nothing is under way at the source, and the connection may be used on. */
  readonly isClean: boolean
}

/** A program's IMAP with a source where the tunnel is signed in: it signs in here, and leaves here. */
export class Conversation {
  readonly #near: Socket
  readonly #client: LoggedIn
  readonly #password: string
  readonly #overhear: Overhear
  /** Tags of what the source was asked and has not answered. */
  readonly #waiting = new Set<string>()
  readonly #over = Promise.withResolvers<Parted>()
  #isIn = false
  /** The tag of a LOGOUT that waits for the answers before it. */
  #leaving: string | null = null
  #isClean = false

  constructor(near: Socket, client: LoggedIn, password: string, listener: Omit<Listener, 'onEnd'>) {
    this.#near = near
    this.#client = client
    this.#password = password
    this.#overhear = new Overhear({ ...listener, onEnd: (tag) => this.#answered(tag) })
  }

  /** @throws WritesError when the program wants to write */
  async run(): Promise<Parted> {
    const lent = this.#client.lend()
    const far = lent.socket
    const near = this.#near
    const commands = new ReadOnly((line) => this.#isForSource(line))
    const end = () => this.#over.resolve({ isClean: this.#isClean })
    const pass = (chunk: Buffer) => {
      this.#overhear.hear(chunk)
      if (!near.write(chunk)) far.pause()
      this.#leaveIfDone()
    }
    const goOn = () => far.resume()
    commands.on('data', (part: Buffer) => far.write(part)).once('error', this.#over.reject)
    near.on('drain', goOn).once('close', end).once('error', end).pipe(commands)
    far.on('data', pass).once('close', end).resume()
    near.write(`* OK [CAPABILITY ${this.#capabilities}] ready\r\n`)
    try {
      return await this.#over.promise
    } finally {
      near.unpipe(commands)
      near.off('drain', goOn)
      far.off('data', pass).off('close', end)
      this.#overhear.leave()
      if (this.#isClean) lent.giveBack()
      else this.#client.close()
    }
  }

  get #capabilities(): string {
    const all = [...this.#client.capabilities].map(([name, value]) => (value === true ? name : `${name}=${value}`))
    return all.filter((name) => !NOT_PASSED.test(name)).join(' ')
  }

  #isForSource(line: string): boolean {
    const [tag = '', command = ''] = line.split(' ', 2)
    switch (command.toUpperCase()) {
      case 'LOGIN':
        this.#signIn(tag, line)
        return false
      case 'LOGOUT':
        this.#leaving = tag
        this.#leaveIfDone()
        return false
      case 'CAPABILITY':
        if (this.#isIn) break
        this.#near.write(`* CAPABILITY ${this.#capabilities}\r\n${tag} OK done\r\n`)
        return false
    }
    if (!this.#isIn) throw new WritesError('not signed in')
    this.#waiting.add(tag)
    this.#overhear.asked(line)
    return true
  }

  #signIn(tag: string, line: string): void {
    this.#isIn ||= new RegExp(`^\\S+ LOGIN \\S+ "?${this.#password}"?$`, 'i').test(line)
    this.#near.write(this.#isIn ? `${tag} OK [CAPABILITY ${this.#capabilities}] signed in\r\n` : `${tag} NO wrong\r\n`)
  }

  #answered(tag: string): void {
    this.#waiting.delete(tag)
  }

  #leaveIfDone(): void {
    if (this.#leaving === null || this.#waiting.size > 0 || !this.#overhear.isBetween) return
    this.#isClean = true
    this.#near.end(`* BYE bye\r\n${this.#leaving} OK done\r\n`)
    this.#over.resolve({ isClean: true })
  }
}

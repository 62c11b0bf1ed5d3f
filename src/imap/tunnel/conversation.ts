import type { Socket } from 'node:net'
import type { Aside, Foreseen, ForeseenMailbox, MessageKey } from '../../copying/ports.ts'
import { within } from '../../model/timeout.ts'
import type { Lent, LoggedIn } from '../login/connection.ts'
import { Ahead, type Kind as KindOfAhead } from './ahead.ts'
import { Foresight } from './foresight.ts'
import { type Kind, type Listener, Overhear } from './overhear.ts'
import { ReadOnly, WritesError } from './read-only.ts'
import { StandIn } from './stand-in.ts'

/** What is the tunnel's own affair, or cannot be gone through with on a connection that others use later. */
const NOT_PASSED = /^(AUTH=|LOGINDISABLED|STARTTLS|SASL-IR|COMPRESS=|IDLE$|UTF8=|IMAP4REV2$)/i

/** Not every server hangs up when it is asked to. */
const LEAVE_LIMIT_MS = 5_000

/** So much of what was asked ahead may lie here: then the source waits. */
const KEPT_BYTES = 4 * 1024 * 1024

/** What the source was asked; null: by the program, and not ahead of it. */
interface Asked {
  readonly tag: string
  readonly ahead: Ahead | null
}

/** Of a chunk, until the next one begins. */
interface Segment {
  readonly kind: Kind
  readonly from: number
  /** The message, of a large one that begins here. */
  readonly large: MessageKey | null
  /** Of the command that ends here. */
  tag: string | null
}

/** What becomes of what passes. */
export interface ConversationDeps extends Pick<Listener, 'onBody' | 'onListing'> {
  readonly aside?: Aside
}

/** A program's IMAP with a source where the tunnel is signed in: it signs in here, and leaves here. */
export class Conversation {
  readonly #client: LoggedIn
  readonly #password: string
  readonly #aside: Aside | undefined
  readonly #overhear: Overhear
  readonly #lent: Lent
  readonly #over = Promise.withResolvers<void>()
  /** In the order in which the source answers. */
  readonly #asked: Asked[] = []
  readonly #foresight: Foresight
  #near: Socket | null = null
  #number = 0
  #isIn = false
  /** The tag of a LOGOUT that waits for the answers before it. */
  #leaving: string | null = null
  #isClean = false
  #isStopped = false
  /** The program is in the middle of a command. */
  #isMidway = false
  #hasMisled = false

  constructor(client: LoggedIn, lent: Lent, password: string, { aside, ...listener }: ConversationDeps) {
    this.#client = client
    this.#password = password
    this.#aside = aside
    const ofChunks = {
      onKind: (kind: Kind, at: number, large: MessageKey | null) => this.#cut(kind, at, large),
      onEnd: (tag: string) => this.#answered(tag),
    }
    this.#overhear = new Overhear({ ...listener, ...ofChunks }, aside?.fromBytes)
    this.#foresight = new Foresight({
      place: client.place,
      hasModseq: client.capabilities.has('CONDSTORE'),
      ask: (text, kind) => this.#ask(text, kind),
      know: (text, answer) => this.#know(text, answer),
      hear: (part) => this.#tell(part),
    })
    this.#lent = lent
    this.#lent.socket.on('data', this.#pass).once('close', this.#over.resolve).resume()
  }

  /** Asks what the program will ask soon: it need not wait for it then. What is known is not asked. */
  askAhead(commands: readonly Foreseen[], mailboxes: readonly ForeseenMailbox[]): void {
    this.#together(() => this.#foresight.expect(commands, mailboxes))
  }

  /** The program was let down: what it wanted could not be asked any more. */
  get hasMisled(): boolean {
    return this.#hasMisled
  }

  #ask(text: string, kind: KindOfAhead): Ahead {
    const ahead = new Ahead(`ahead${++this.#number}`, text, kind)
    this.#asked.push({ tag: ahead.tag, ahead })
    this.#overhear.asked(`${ahead.tag} ${text}`)
    this.#lent.socket.write(`${ahead.tag} ${text}\r\n`)
    return ahead
  }

  #know(text: string, answer: string): Ahead {
    const ahead = new Ahead(`ahead${++this.#number}`, text, 'lasting')
    ahead.add(Buffer.from(`${answer}\r\n`))
    ahead.end(Buffer.from(`${ahead.tag} OK done\r\n`))
    return ahead
  }

  /** What is asked goes out at once. */
  #together(ask: () => void): void {
    this.#lent.socket.cork()
    ask()
    this.#lent.socket.uncork()
  }

  /** What has come is handed on, and nothing more. */
  stop(): void {
    this.#isStopped = true
  }

  /** @throws WritesError when the program wants to write */
  async run(near: Socket): Promise<void> {
    const far = this.#lent.socket
    const commands = new ReadOnly({
      isForSource: (line) => this.#isForSource(line),
      pass: (part, isEnd) => this.#send(part, isEnd),
    })
    const goOn = () => far.resume()
    this.#near = near
    commands.once('error', this.#over.reject)
    near.on('drain', goOn).once('close', this.#over.resolve).once('error', this.#over.resolve).pipe(commands)
    near.write(`* OK [CAPABILITY ${this.#capabilities}] ready\r\n`)
    try {
      await this.#over.promise
    } finally {
      near.unpipe(commands)
      near.off('drain', goOn)
      // What it has read of the answers counts.
      near.destroySoon()
    }
  }

  /** The connection is given back, unless something is under way on it. */
  async end(): Promise<void> {
    const isIdle = this.#near === null || this.#isClean
    const { socket, giveBack } = this.#lent
    socket.off('data', this.#pass).off('close', this.#over.resolve)
    this.#overhear.leave()
    this.#standIn?.abandon()
    if (isIdle && this.#asked.length === 0 && this.#overhear.isBetween) return giveBack()
    // The source would go on to send what was asked for.
    if (this.#isStopped || this.#hasMisled || this.#foresight.isWaiting) socket.destroy()
    else await hangUp(socket)
    this.#client.close()
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
        // Nobody wants that any more.
        if (this.#foresight.isWaiting) this.#leave()
        else this.#leaveIfDone()
        return false
      case 'CAPABILITY':
        if (this.#isIn) break
        this.#near?.write(`* CAPABILITY ${this.#capabilities}\r\n${tag} OK done\r\n`)
        return false
    }
    if (!this.#isIn) throw new WritesError('not signed in')
    if (this.#isAnsweredAhead(tag, line.slice(tag.length + 1))) return false
    this.#asked.push({ tag, ahead: null })
    this.#overhear.asked(line)
    return true
  }

  #signIn(tag: string, line: string): void {
    this.#isIn ||= new RegExp(`^\\S+ LOGIN \\S+ "?${this.#password}"?$`, 'i').test(line)
    this.#near?.write(this.#isIn ? `${tag} OK [CAPABILITY ${this.#capabilities}] signed in\r\n` : `${tag} NO wrong\r\n`)
  }

  /** Or not at all. */
  #isAnsweredAhead(tag: string, text: string): boolean {
    if (this.#hasMisled) return true
    const ahead = this.#asked.some((one) => one.ahead === null) ? null : this.#foresight.answerTo(text)
    if (ahead === null) {
      if (this.#foresight.goesOn(text)) return false
      this.#mislead()
      return true
    }
    ahead.claim({ tag, hear: (part) => this.#tell(part) })
    this.#together(() => this.#foresight.lookAhead())
    this.#lent.socket.resume()
    return true
  }

  #mislead(): void {
    this.#hasMisled = true
    this.#over.resolve()
  }

  #send(part: Buffer, isEnd: boolean): void {
    this.#isMidway = !isEnd
    this.#together(() => {
      this.#lent.socket.write(part)
      this.#lent.socket.resume()
      if (isEnd) this.#foresight.lookAhead()
    })
  }

  /** What the chunk consists of. */
  #segments: Segment[] = []
  #kind: Kind = 'other'
  /** Messages themselves have come before what was asked first was answered; and then, that some have come or gone. */
  #isAmongBodies = false
  #hasNews = false
  /** Of the large message that passes, or has passed last. */
  #standIn: StandIn | null = null
  /** Of a line that is not whole yet. */
  #begun: Buffer = Buffer.alloc(0)

  readonly #pass = (chunk: Buffer): void => {
    try {
      this.#take(chunk)
    } catch (error) {
      this.#over.reject(error)
    }
  }

  #take(chunk: Buffer): void {
    this.#segments = [{ kind: this.#kind, from: 0, large: null, tag: null }]
    this.#overhear.hear(chunk)
    const all = this.#begun.length === 0 ? chunk : Buffer.concat([this.#begun, chunk])
    const whole = all.length - this.#overhear.unfinished
    for (const [at, segment] of this.#segments.entries()) {
      const to = this.#segments[at + 1]?.from ?? whole
      this.#kind = segment.kind
      if (segment.large !== null) this.#standIn = this.#standInFor(segment.large)
      if (to > segment.from) this.#deliver(segment, all.subarray(segment.from, to))
    }
    this.#begun = Buffer.from(all.subarray(whole))
    this.#keepWithin(this.#foresight.bytes)
    if (!this.#isMidway) this.#together(() => this.#foresight.lookAhead())
    this.#leaveIfDone()
    const isLost = this.#overhear.isLost && this.#asked.some(({ ahead }) => ahead !== null)
    if (this.#isStopped || isLost) this.#over.resolve()
  }

  #keepWithin(bytes: number): void {
    const isWaitedFor = this.#asked.some(({ ahead }) => ahead === null || ahead.isClaimed)
    if (bytes > KEPT_BYTES && !isWaitedFor) this.#lent.socket.pause()
    // What it waits for comes after that.
    if (bytes > 4 * KEPT_BYTES && isWaitedFor) this.#mislead()
  }

  #cut(kind: Kind, at: number, large: MessageKey | null): void {
    this.#segments.push({ kind, from: this.#begun.length + at, large, tag: null })
  }

  #answered(tag: string): void {
    const last = this.#segments.at(-1)
    if (last !== undefined) last.tag = tag
    this.#foresight.ended(tag, this.#overhear)
  }

  #standInFor(message: MessageKey): StandIn | null {
    const calls = { onDrain: () => this.#lent.socket.resume(), onFailure: this.#over.resolve }
    return this.#aside === undefined ? null : new StandIn(this.#aside, { message, ...calls })
  }

  #deliver({ kind, tag }: Segment, part: Buffer): void {
    if (this.#hasMisled) return
    if (tag !== null) this.#conclude(tag, part)
    else this.#handOn(kind, part)
  }

  #handOn(kind: Kind, part: Buffer): void {
    const ahead = this.#meant(kind)
    const pause = () => this.#lent.socket.pause()
    const told = kind === 'large' ? (this.#standIn?.take(part, pause) ?? [part]) : [part]
    for (const some of told.filter(({ length }) => length > 0)) {
      if (ahead === null) this.#tell(some)
      else ahead.add(some)
    }
  }

  /** What an untagged response belongs to; null: the program has asked for it. */
  #meant(kind: Kind): Ahead | null {
    const [first, second] = this.#asked
    if (first === undefined) return this.#foresight.last
    if (first.ahead === null || second?.ahead?.kind !== 'bodies') return first.ahead
    // Some servers go on with the next FETCH before they end one (RFC 3501, section 5.5).
    if (kind === 'fetch') {
      if (this.#hasNews) this.#mislead()
      return first.ahead
    }
    this.#isAmongBodies ||= kind === 'body' || kind === 'large'
    // What follows counts without them, or with more.
    this.#hasNews ||= kind === 'news' && this.#isAmongBodies
    return this.#isAmongBodies ? second.ahead : first.ahead
  }

  #tell(part: Buffer): void {
    if (this.#near?.write(part) === false) this.#lent.socket.pause()
  }

  #conclude(tag: string, line: Buffer): void {
    const at = this.#asked.findIndex((one) => one.tag === tag)
    const [one] = at < 0 ? [] : this.#asked.splice(at, 1)
    this.#isAmongBodies = false
    this.#hasNews = false
    if (one?.ahead) one.ahead.end(line)
    else this.#tell(line)
    // It answers in another order than it was asked: nobody knows whose these lines were.
    if (at > 0 && (one?.ahead || this.#asked.some(({ ahead }) => ahead !== null))) this.#mislead()
  }

  #leaveIfDone(): void {
    if (this.#leaving === null || this.#asked.length > 0 || !this.#overhear.isBetween) return
    this.#isClean = true
    this.#leave()
  }

  #leave(): void {
    this.#near?.end(`* BYE bye\r\n${this.#leaving} OK done\r\n`)
    this.#over.resolve()
  }
}

/** The source counts a connection until it has closed it, too. */
async function hangUp(socket: Socket): Promise<void> {
  if (socket.destroyed) return
  const closed = new Promise((resolve) => socket.once('close', resolve))
  socket.resume().end()
  await within(LEAVE_LIMIT_MS, closed).catch(() => undefined)
}

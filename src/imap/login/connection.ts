import { randomInt } from 'node:crypto'
import type { Socket } from 'node:net'
import type { Writable } from 'node:stream'
import { ImapFlow, type ImapFlowOptions } from 'imapflow'
import { signInNames } from '../../model/master.ts'
import { within } from '../../model/timeout.ts'
import type { SourceLogin } from '../../source/ports.ts'
import { type Ending, endingOf, LoginFailed } from './ending.ts'

/** RFC 4959 leaves long initial responses to continuations: not every server takes a long line before the sign-in. */
const INITIAL_RESPONSE_LIMIT = 700
/** Not every server hangs up when it is asked to, and one that is far behind counts the connection until then. */
const LEAVE_LIMIT_MS = 5_000

interface Request {
  readonly tag: string
  readonly attributes?: readonly unknown[] | false
}

/** What the declarations of imapflow leave out. Were it ever gone, no sign-in would be answered: that is trouble. */
interface Wire {
  run(command: string, ...args: readonly unknown[]): Promise<unknown>
  send(request: Request): Promise<void>
  /** Of commands that were not sent yet. */
  readonly requestQueue: readonly Request[]
  /** On the wire, or about to be. */
  readonly currentRequest: (Request & { sent?: boolean }) | false
  exec(
    command: string,
    attributes: readonly { type: 'ATOM' | 'STRING' | 'LITERAL'; value: string; sensitive?: boolean }[],
    options?: { onPlusTag(): Promise<void> },
  ): Promise<{ response: { command: string }; next(): void }>
  write(line: string): void
  tagCounter: number
  /** What the server can do is asked again, unless it says so with its yes. */
  expectCapabilityUpdate: boolean
  setAuthenticationState(): Promise<void>
  readonly socket: Socket
  readonly socketTimeout: number
  /** Reads what the socket hands over. */
  readonly streamer: Writable
}

/** A signed-in connection in the hands of somebody else who speaks IMAP on it. */
export interface Lent {
  readonly socket: Socket
  /** Nothing may be under way then. */
  giveBack(): void
}

type Person = Pick<SourceLogin, 'username' | 'password'>

/**
 * An IMAP connection with a login of its own: its tagged response, and nothing before it, is the answer. imapflow's
 * login would take a NO of a certain wording for OK, and repeat the password as often as the server asks for it.
 */
class Connection extends ImapFlow {
  readonly #person: Person
  readonly #closed: Promise<void>

  constructor(options: ImapFlowOptions, { username, password }: Person) {
    super(options)
    this.#person = { username, password }
    this.#closed = new Promise((resolve) => this.once('close', resolve))
    // Tags that cannot be guessed: no response comes before its command.
    this.wire.tagCounter = randomInt(2 ** 40)
  }

  /** Logs out and waits for the source to close the connection: it counts it until then. Never throws. */
  async leave(): Promise<void> {
    if (!this.isClosed) {
      this.wire.exec('LOGOUT', []).catch(() => undefined)
      await within(LEAVE_LIMIT_MS, this.#closed).catch(() => undefined)
    }
    this.close()
  }

  protected async signIn(): Promise<Ending> {
    // A PREAUTH greeting lets anybody in: it says nothing about this password.
    return this.authenticated ? { code: 'Preauth' } : await this.#ask(this.#person)
  }

  async #ask({ username, password }: Person): Promise<Ending> {
    const { authzid, authcid } = signInNames(username)
    if (this.capabilities.has('AUTH=PLAIN')) {
      const response = base64(`${authzid}\0${authcid}\0${password}`)
      const initial = this.capabilities.has('SASL-IR') && response.length <= INITIAL_RESPONSE_LIMIT
      return await this.#authenticate('PLAIN', initial ? response : undefined, initial ? [] : [response])
    }
    // No other way can say both names.
    if (authzid !== '') return { code: 'NoPlain' }
    if (!this.capabilities.has('LOGINDISABLED')) return await this.#login(username, password)
    if (this.capabilities.has('AUTH=LOGIN')) {
      return await this.#authenticate('LOGIN', undefined, [base64(username), base64(password)])
    }
    return { code: 'LoginDisabled', tlsFailed: !this.secureConnection }
  }

  async #login(username: string, password: string): Promise<Ending> {
    return await this.answerTo('LOGIN', [
      { type: typeOf(username), value: username },
      { type: typeOf(password), value: password, sensitive: true },
    ])
  }

  /** SASL (RFC 3501, section 6.2.2), with one response to each continuation request and none to any more. */
  async #authenticate(mechanism: string, initial: string | undefined, responses: string[]): Promise<Ending> {
    let unanswerable = false
    const attributes = [{ type: 'ATOM' as const, value: mechanism }]
    const ending = await this.answerTo(
      'AUTHENTICATE',
      initial === undefined ? attributes : [...attributes, { type: 'ATOM', value: initial, sensitive: true }],
      {
        onPlusTag: async () => {
          const response = responses.shift()
          if (response !== undefined) return this.wire.write(response)
          unanswerable = true
          this.close()
        },
      },
    )
    return unanswerable ? { code: 'ContinuationRequest' } : ending
  }

  protected async answerTo(...command: Parameters<Wire['exec']>): Promise<Ending> {
    try {
      const { response, next } = await this.wire.exec(...command)
      next()
      return { status: response.command.toUpperCase() }
    } catch (error) {
      return endingOf(error)
    }
  }

  protected get wire(): Wire {
    return this as unknown as Wire
  }
}

/** Checks one password, and leaves. */
export class LoginCheck extends Connection {
  /** Resolves with how the login ended; never, when the connection does not get that far. */
  readonly ending: Promise<Ending>
  #end: (ending: Ending) => void = () => undefined

  constructor(options: ImapFlowOptions, person: Person) {
    super(options, person)
    this.ending = new Promise((resolve) => {
      this.#end = resolve
    })
  }

  /** Called by imapflow to log in. Always throws, so that imapflow does nothing afterwards. */
  async authenticate(): Promise<never> {
    this.#end(await this.#confirmed(await this.signIn()))
    await this.leave()
    throw new Error('the password is checked')
  }

  /** Some servers say OK and find out then that they cannot serve: an OK counts when NOOP is answered, too. */
  async #confirmed(ending: Ending): Promise<Ending> {
    if (ending.status !== 'OK') return ending
    const next = await this.answerTo('NOOP', [])
    return next.status === undefined ? next : ending
  }
}

const imapflow = ImapFlow.prototype as unknown as Pick<Wire, 'run' | 'send' | 'exec'>

/** By host and port: servers that do not answer in the order in which they were asked. They are asked one thing at a time. */
const disorderly = new Set<string>()

/**
 * Stays logged in. Unlike imapflow's, its commands do not wait for each other: what is asked without waiting for an answer
 * goes out together, and is answered in its order.
 */
export class LoggedIn extends Connection {
  /** Host and port. */
  readonly place: string
  /** The tags of commands that are on the wire, and not their turn yet. */
  readonly #early = new Set<string>()
  /** Answers to what imapflow has asked by itself. */
  readonly #unasked: Promise<unknown>[] = []
  readonly #unread: string[]

  constructor(options: ImapFlowOptions, person: Person) {
    const unread: string[] = []
    super({ ...options, logger: noting(unread) }, person)
    this.#unread = unread
    this.place = `${options.host}:${options.port}`
  }

  /** Called by imapflow to log in. @throws LoginFailed */
  async authenticate(): Promise<void> {
    this.wire.expectCapabilityUpdate = true
    const ending = await this.signIn()
    if (ending.status !== 'OK') throw new LoginFailed(ending)
    await this.wire.setAuthenticationState()
  }

  /** Called by imapflow for what it asks by itself; whoever asks next need not wait for that. */
  async run(command: string, ...args: readonly unknown[]): Promise<unknown> {
    // Some servers want to hear it before a mailbox is opened, none before the login.
    if (command === 'ID' && !this.authenticated) return false
    const answer = imapflow.run.call(this, command, ...args)
    if (command !== 'ID' && command !== 'NAMESPACE') return await answer
    // Whatever became of it, the next command tells.
    this.#unasked.push(answer.catch(() => undefined))
    return undefined
  }

  /** Called for each command. */
  async exec(...command: Parameters<Wire['exec']>): ReturnType<Wire['exec']> {
    const answer = imapflow.exec.call(this, ...command)
    if (this.authenticated && !disorderly.has(this.place)) this.#sendEarly()
    return await answer.catch((error) => {
      if (error.code === 'UnexpectedTag') disorderly.add(this.place)
      throw error
    })
  }

  #sendEarly(): void {
    const { currentRequest } = this.wire
    if (currentRequest && hasLiteral(currentRequest.attributes)) return
    for (const request of [...this.wire.requestQueue]) {
      // It waits for the server to go on.
      if (hasLiteral(request.attributes)) return
      if (this.#early.has(request.tag)) continue
      this.#early.add(request.tag)
      // What it cannot be sent for, it is told when it is its turn.
      imapflow.send.call(this, request).catch(() => this.#early.delete(request.tag))
    }
  }

  /** Called by imapflow when it is a command's turn. */
  async send(request: Request): Promise<void> {
    if (!this.#early.delete(request.tag)) return await imapflow.send.call(this, request)
    const { currentRequest } = this.wire
    if (currentRequest) currentRequest.sent = true
  }

  /** Lines of the source since the last time that imapflow could not read; of many the first, and their beginnings. */
  takeUnread(): string[] {
    return this.#unread.splice(0)
  }

  /** Lends the connection itself; nothing may be asked here until it is given back. */
  async lend(): Promise<Lent> {
    await Promise.all(this.#unasked)
    const { socket, streamer, socketTimeout } = this.wire
    socket.unpipe(streamer)
    // How long it may be silent is for whoever speaks on it to judge.
    socket.setTimeout(0)
    return {
      socket,
      giveBack: () => {
        socket.setTimeout(socketTimeout)
        socket.pipe(streamer)
      },
    }
  }
}

const UNREAD_LINES = 1_000

/** imapflow tells its log alone of what it cannot read. */
function noting(unread: string[]): NonNullable<ImapFlowOptions['logger']> {
  const error = ({ src, msg = '' }: { src?: string; msg?: string }) => {
    if (src === 's' && unread.length < UNREAD_LINES) unread.push(msg)
  }
  // What it has no method for it does not make an entry of.
  return { error, fatal: () => undefined } as unknown as NonNullable<ImapFlowOptions['logger']>
}

function hasLiteral(attributes: unknown): boolean {
  if (Array.isArray(attributes)) return attributes.some(hasLiteral)
  return (attributes as { type?: string } | null | undefined)?.type === 'LITERAL'
}

/** A quoted string is ASCII (RFC 3501, section 4.3); imapflow would quote any text. */
function typeOf(text: string): 'STRING' | 'LITERAL' {
  return /^[\x20-\x7e]*$/.test(text) ? 'STRING' : 'LITERAL'
}

function base64(text: string): string {
  return Buffer.from(text, 'utf8').toString('base64')
}

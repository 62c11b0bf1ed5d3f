import { randomInt } from 'node:crypto'
import { ImapFlow, type ImapFlowOptions } from 'imapflow'
import { within } from '../../model/timeout.ts'
import type { SourceQuestion } from '../../source/ports.ts'
import { type Ending, endingOf, NotSignedIn } from './ending.ts'

/** RFC 4959 leaves long initial responses to continuations: not every server takes a long line before the sign-in. */
const INITIAL_RESPONSE_LIMIT = 700
/** Not every server hangs up when it is asked to. */
const LEAVE_LIMIT_MS = 1_000

/** What the declarations of imapflow leave out. Were it ever gone, no sign-in would be answered: that is trouble. */
interface Wire {
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
}

type Person = Pick<SourceQuestion, 'username' | 'password'>

/**
 * A connection that signs in its own way. imapflow greets, protects the connection and reads what the server says; the
 * tagged answer to the sign-in, and nothing before it, is the answer. imapflow's own sign-in would take a NO of a
 * certain wording for OK, and repeat the password as often as it is asked for it.
 */
class OwnSignIn extends ImapFlow {
  readonly #person: Person
  readonly #closed: Promise<void>

  constructor(options: ImapFlowOptions, { username, password }: Person) {
    super(options)
    this.#person = { username, password }
    this.#closed = new Promise((resolve) => this.once('close', resolve))
    // Tags that cannot be guessed: no answer comes before its question.
    this.wire.tagCounter = randomInt(2 ** 40)
  }

  /** Logs out, and waits for the source to close the connection: until then it counts it. Never throws. */
  async leave(): Promise<void> {
    if (!this.isClosed) {
      this.wire.exec('LOGOUT', []).catch(() => undefined)
      await within(LEAVE_LIMIT_MS, this.#closed).catch(() => undefined)
    }
    this.close()
  }

  protected async signIn(): Promise<Ending> {
    // A greeting of PREAUTH signs anybody in, so it says nothing about this password.
    return this.authenticated ? { code: 'Preauth' } : await this.#ask(this.#person)
  }

  async #ask({ username, password }: Person): Promise<Ending> {
    if (this.capabilities.has('AUTH=PLAIN')) {
      const response = base64(`\0${username}\0${password}`)
      const initial = this.capabilities.has('SASL-IR') && response.length <= INITIAL_RESPONSE_LIMIT
      return await this.#authenticate('PLAIN', initial ? response : undefined, initial ? [] : [response])
    }
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

/** Asks one question: is this the password? imapflow's own way would go on for longer after a yes. */
export class SignIn extends OwnSignIn {
  /** Resolves with how the sign-in ended; never, when it does not come to that. */
  readonly ending: Promise<Ending>
  #end: (ending: Ending) => void = () => undefined

  constructor(options: ImapFlowOptions, person: Person) {
    super(options, person)
    this.ending = new Promise((resolve) => {
      this.#end = resolve
    })
  }

  /** Called by imapflow when it is time to sign in. Always throws: there is nothing to do afterwards. */
  async authenticate(): Promise<never> {
    this.#end(await this.#confirmed(await this.signIn()))
    await this.leave()
    throw new Error('the question is answered')
  }

  /** Some servers say yes, and find out then that they cannot serve: only who still answers has let the person in. */
  async #confirmed(ending: Ending): Promise<Ending> {
    if (ending.status !== 'OK') return ending
    const next = await this.answerTo('NOOP', [])
    return next.status === undefined ? next : ending
  }
}

/** Stays signed in. */
export class SignedIn extends OwnSignIn {
  /** Called by imapflow when it is time to sign in. @throws NotSignedIn */
  async authenticate(): Promise<void> {
    this.wire.expectCapabilityUpdate = true
    const ending = await this.signIn()
    if (ending.status !== 'OK') throw new NotSignedIn(ending)
    await this.wire.setAuthenticationState()
    // The source has heard already who asks; imapflow would ask once more for its name.
    this.capabilities.delete('ID')
  }
}

/** A quoted string is ASCII (RFC 3501, section 4.3); imapflow would quote any text. */
function typeOf(text: string): 'STRING' | 'LITERAL' {
  return /^[\x20-\x7e]*$/.test(text) ? 'STRING' : 'LITERAL'
}

function base64(text: string): string {
  return Buffer.from(text, 'utf8').toString('base64')
}

import { randomInt } from 'node:crypto'
import { ImapFlow, type ImapFlowOptions } from 'imapflow'
import type { OldQuestion } from '../policy/ports.ts'
import { type Ending, endingOf } from './ending.ts'

/** RFC 4959 leaves long initial responses to continuations: not every server takes a long line before the sign-in. */
const INITIAL_RESPONSE_LIMIT = 700

/** What the declarations of imapflow leave out. Were it ever gone, no sign-in would be answered: that is trouble. */
interface Wire {
  exec(
    command: string,
    attributes: readonly { type: 'ATOM' | 'STRING' | 'LITERAL'; value: string; sensitive?: boolean }[],
    options?: { onPlusTag(): Promise<void> },
  ): Promise<{ response: { command: string }; next(): void }>
  write(line: string): void
  tagCounter: number
}

/**
 * A connection that asks one question. imapflow greets, protects the connection and reads what the server says; the
 * sign-in is ours: the tagged answer to it, and nothing before it, is the answer. imapflow's own would go on for longer
 * after a yes, take a NO of a certain wording for OK, and repeat the password as often as it is asked for it.
 */
export class SignIn extends ImapFlow {
  /** How the sign-in ended; none when it did not come to that. */
  ending: Ending | undefined
  question: Pick<OldQuestion, 'username' | 'password'> | undefined

  constructor(options: ImapFlowOptions) {
    super(options)
    // Tags that cannot be guessed: no answer comes before its question.
    this.#wire.tagCounter = randomInt(2 ** 40)
  }

  /** Called by imapflow when it is time to sign in. Always throws: there is nothing to do afterwards. */
  async authenticate(): Promise<never> {
    // A greeting of PREAUTH signs anybody in, so it says nothing about this password.
    if (this.authenticated || this.question === undefined) this.ending = { code: 'Preauth' }
    else this.ending = await this.#confirmed(await this.#ask(this.question))
    if (this.ending.status === 'OK') this.#wire.exec('LOGOUT', []).catch(() => undefined)
    throw new Error('the question is answered')
  }

  /** Some servers say yes, and find out then that they cannot serve: only who still answers has let the person in. */
  async #confirmed(ending: Ending): Promise<Ending> {
    if (ending.status !== 'OK') return ending
    const next = await this.#answerTo('NOOP', [])
    return next.status === undefined ? next : ending
  }

  async #ask({ username, password }: Pick<OldQuestion, 'username' | 'password'>): Promise<Ending> {
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
    return await this.#answerTo('LOGIN', [
      { type: typeOf(username), value: username },
      { type: typeOf(password), value: password, sensitive: true },
    ])
  }

  /** SASL (RFC 3501, section 6.2.2), with one response to each continuation request and none to any more. */
  async #authenticate(mechanism: string, initial: string | undefined, responses: string[]): Promise<Ending> {
    let unanswerable = false
    const attributes = [{ type: 'ATOM' as const, value: mechanism }]
    const ending = await this.#answerTo(
      'AUTHENTICATE',
      initial === undefined ? attributes : [...attributes, { type: 'ATOM', value: initial, sensitive: true }],
      {
        onPlusTag: async () => {
          const response = responses.shift()
          if (response !== undefined) return this.#wire.write(response)
          unanswerable = true
          this.close()
        },
      },
    )
    return unanswerable ? { code: 'ContinuationRequest' } : ending
  }

  async #answerTo(...command: Parameters<Wire['exec']>): Promise<Ending> {
    try {
      const { response, next } = await this.#wire.exec(...command)
      next()
      return { status: response.command.toUpperCase() }
    } catch (error) {
      return endingOf(error)
    }
  }

  get #wire(): Wire {
    return this as unknown as Wire
  }
}

/** A quoted string is ASCII (RFC 3501, section 4.3); imapflow would quote any text. */
function typeOf(text: string): 'STRING' | 'LITERAL' {
  return /^[\x20-\x7e]*$/.test(text) ? 'STRING' : 'LITERAL'
}

function base64(text: string): string {
  return Buffer.from(text, 'utf8').toString('base64')
}

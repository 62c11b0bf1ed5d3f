import type { Person } from './panel.ts'

/** What came back, a redirection not followed. */
export interface Reply {
  readonly status: number
  /** Where a redirection goes; '' where there is none. */
  readonly location: string
  /** Of a stream of events, nothing. */
  readonly text: string
  readonly headers: Headers
}

type Fields = Readonly<Record<string, string>>

/** Somebody who asks the panel without a browser. */
export class Visitor {
  readonly #url: string
  readonly #headers: Fields
  /** As it is sent: whoever has it, has the session. */
  cookie = ''

  constructor(url: string, headers: Fields = {}) {
    this.#url = url
    this.#headers = headers
  }

  /** @throws with what the page says when it does not let this person in */
  static async signedIn(url: string, person: Person, code = ''): Promise<Visitor> {
    const visitor = new Visitor(url)
    const { status, text } = await visitor.signIn(person, { code })
    if (status !== 303) throw new Error(`${person.name} is not let in: ${status} ${text}`)
    return visitor
  }

  get(path: string, headers: Fields = {}): Promise<Reply> {
    return this.#ask(path, { headers })
  }

  /** With the token of this session, unless the fields have another one. */
  async post(path: string, fields: Fields = {}): Promise<Reply> {
    const body = new URLSearchParams({ _csrf: await this.token(), ...fields })
    return await this.#ask(path, { method: 'POST', body })
  }

  /** Exactly these fields, of any kind. */
  send(path: string, body: NonNullable<RequestInit['body']>, headers: Fields = {}): Promise<Reply> {
    return this.#ask(path, { method: 'POST', body, headers })
  }

  signIn({ name, password }: Omit<Person, 'role'>, more: Fields = {}): Promise<Reply> {
    return this.post('/admin/sign-in', { name, password, ...more })
  }

  /** What forms of this session carry. */
  async token(): Promise<string> {
    const { text } = await this.get('/admin/sign-in')
    return /name="_csrf" value="([^"]+)"/.exec(text)?.[1] ?? ''
  }

  async #ask(path: string, init: RequestInit): Promise<Reply> {
    const headers = { ...this.#headers, ...(init.headers as Fields), ...(this.cookie && { cookie: this.cookie }) }
    const response = await fetch(this.#url + path, { ...init, headers, redirect: 'manual' })
    const [given] = response.headers.getSetCookie()
    if (given !== undefined) this.cookie = given.split(';', 1)[0] ?? ''
    const isStream = response.headers.get('content-type') === 'text/event-stream'
    if (isStream) await response.body?.cancel()
    return {
      status: response.status,
      location: response.headers.get('location') ?? '',
      text: isStream ? '' : await response.text(),
      headers: response.headers,
    }
  }
}

import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { connect as connectTls } from 'node:tls'
import { HANG_MS } from './until.ts'

/** Where an account is read or written. With `ca` (PEM) over implicit TLS, else in the clear. */
export interface ImapAccount {
  host: string
  port: number
  user: string
  password: string
  ca?: string | Buffer
}

/** One response of the server: its line, every literal standing as `{n}` in it, and the literals' bytes in order. */
export interface Response {
  line: string
  literals: Buffer[]
}

/** A part of a command: text goes out as it stands, bytes as a literal. */
export type Part = string | Buffer

/**
 * IMAP as it goes over the wire: names stay in modified UTF-7, bodies are the very bytes. Commands may be called
 * without waiting for the one before; where the server does not know LITERAL+, they wait themselves.
 */
export class ImapWire implements AsyncDisposable {
  readonly #socket: Socket
  readonly #waiting: { responses: Response[]; resolve: (all: Response[]) => void; reject: (error: Error) => void }[] =
    []
  #tag = 0
  #input: Buffer<ArrayBuffer>[] = []
  #size = 0
  #wanted = 0
  #current: Response = { line: '', literals: [] }
  #expectLiteral = -1
  #failure: Error | undefined
  /** Missing: the server takes literals without a word. */
  #turn: Promise<unknown> | undefined
  #goOn: PromiseWithResolvers<void> | undefined

  private constructor(socket: Socket) {
    this.#socket = socket
    socket.setTimeout(HANG_MS, () => socket.destroy(new Error('the IMAP server says nothing')))
    socket.on('data', (chunk) => this.#read(chunk as Buffer<ArrayBuffer>))
    socket.on('error', (error) => this.#fail(error))
    socket.on('close', () => this.#fail(new Error('the IMAP server closed the connection')))
  }

  /** Connects and signs in. */
  static async open(account: ImapAccount): Promise<ImapWire> {
    const { host, port, ca } = account
    const socket = ca ? connectTls({ host, port, ca }) : connect(port, host)
    const wire = new ImapWire(socket)
    const greeting = wire.#expect()
    greeting.catch(() => undefined)
    await once(socket, ca ? 'secureConnect' : 'connect')
    const [{ line = '' } = {}] = await greeting
    if (/\[CAPABILITY (?!.*LITERAL\+)/.test(line)) wire.#turn = Promise.resolve()
    const said = await wire.command('LOGIN ', Buffer.from(account.user), ' ', Buffer.from(account.password))
    // Another server may be there now: a proxy has handed the session on.
    const isTold = said.some((response) => response.line.includes('CAPABILITY'))
    const capabilities = isTold ? said : await wire.command('CAPABILITY')
    if (!capabilities.some((response) => response.line.includes('LITERAL+'))) wire.#turn = Promise.resolve()
    return wire
  }

  /** Sends one command. @returns the untagged responses and, last, the tagged one; throws when that is not OK */
  command(...parts: Part[]): Promise<Response[]> {
    if (this.#turn === undefined) return this.#sendAtOnce(parts)
    const answer = this.#turn.then(() => this.#sendInTurn(parts))
    this.#turn = answer.catch(() => undefined)
    return answer
  }

  #sendAtOnce(parts: readonly Part[]): Promise<Response[]> {
    const answer = this.#expect()
    const out: Buffer[] = [Buffer.from(`t${++this.#tag} `)]
    for (const part of parts) {
      if (typeof part === 'string') out.push(Buffer.from(part))
      else out.push(Buffer.from(`{${part.length}+}\r\n`), part)
    }
    this.#socket.write(Buffer.concat([...out, Buffer.from('\r\n')]))
    return answer
  }

  async #sendInTurn(parts: readonly Part[]): Promise<Response[]> {
    const answer = this.#expect()
    answer.catch(() => this.#goOn?.resolve())
    let out: Part[] = [`t${++this.#tag} `]
    const send = () => this.#socket.write(Buffer.concat(out.map((part) => Buffer.from(part))))
    for (const part of parts) {
      if (typeof part !== 'string') {
        this.#goOn = Promise.withResolvers()
        out.push(`{${part.length}}\r\n`)
        send()
        await this.#goOn.promise
        if (this.#waiting.length === 0) return await answer
        out = []
      }
      out.push(part)
    }
    out.push('\r\n')
    send()
    return await answer
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#failure) return
    const closed = once(this.#socket, 'close')
    this.command('LOGOUT').catch(() => {})
    await Promise.race([closed, pause(2000, undefined, { ref: false })])
    this.#socket.destroy()
  }

  #expect(): Promise<Response[]> {
    return new Promise((resolve, reject) => {
      if (this.#failure) reject(this.#failure)
      else this.#waiting.push({ responses: [], resolve, reject })
    })
  }

  #fail(error: Error): void {
    this.#failure ??= error
    for (const one of this.#waiting.splice(0)) one.reject(this.#failure)
  }

  #read(chunk: Buffer<ArrayBuffer>): void {
    this.#input.push(chunk)
    this.#size += chunk.length
    while (this.#size >= this.#wanted && this.#step(Buffer.concat(this.#input))) {}
  }

  /** Takes one line or one literal. @returns whether there may be more */
  #step(input: Buffer<ArrayBuffer>): boolean {
    this.#input = [input]
    if (this.#expectLiteral >= 0) {
      this.#wanted = this.#expectLiteral
      if (input.length < this.#expectLiteral) return false
      this.#current.literals.push(input.subarray(0, this.#expectLiteral))
      this.#rest(input.subarray(this.#expectLiteral))
      this.#expectLiteral = -1
      return true
    }
    const end = input.indexOf('\r\n')
    if (end < 0) return false
    const line = input.toString('latin1', 0, end)
    this.#rest(input.subarray(end + 2))
    this.#current.line += line
    const size = /\{(\d+)\}$/.exec(line)?.[1]
    if (size !== undefined) this.#expectLiteral = Number(size)
    else this.#deliver()
    return true
  }

  #rest(input: Buffer<ArrayBuffer>): void {
    this.#input = [input]
    this.#size = input.length
    this.#wanted = 0
  }

  #deliver(): void {
    const response = this.#current
    this.#current = { line: '', literals: [] }
    const first = this.#waiting[0]
    if (!first) return
    if (response.line.startsWith('+')) {
      this.#goOn?.resolve()
      return
    }
    first.responses.push(response)
    const greeting = this.#tag === 0 && /^\* (OK|PREAUTH) /.test(response.line)
    if (!greeting && !/^t\d+ /.test(response.line)) return
    this.#waiting.shift()
    if (greeting || /^t\d+ OK/.test(response.line)) first.resolve(first.responses)
    else first.reject(new Error(response.line))
  }
}

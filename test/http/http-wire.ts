import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { HANG_MS } from '../support/until.ts'

export interface Response {
  readonly status: number
  /** Status line and header lines, in lower case. */
  readonly head: string
  readonly body: string
}

/** A connection to a listener, byte by byte: for requests that no HTTP client would send. */
export class HttpWire implements Disposable {
  readonly socket: Socket
  readonly #responses: Response[] = []
  #text = ''
  #wake: () => void = () => undefined

  /** @param address a socket's path, or a URL */
  static async open(address: string): Promise<HttpWire> {
    const url = URL.canParse(address) ? new URL(address) : null
    const socket = url === null ? connect(address) : connect(Number(url.port), url.hostname)
    await once(socket, 'connect')
    return new HttpWire(socket)
  }

  private constructor(socket: Socket) {
    this.socket = socket
    socket.setNoDelay().setEncoding('latin1')
    socket.on('error', () => undefined)
    socket.on('close', () => this.#wake())
    socket.on('data', (chunk: string) => {
      this.#text += chunk
      this.#read()
      this.#wake()
    })
  }

  /** The next response; null when the connection ends before one is complete. @throws when neither comes */
  async response(): Promise<Response | null> {
    const deadline = Date.now() + HANG_MS
    while (this.#responses.length === 0 && !this.socket.destroyed) {
      const left = deadline - Date.now()
      if (left <= 0) throw new Error(`neither an answer nor an end within ${HANG_MS / 1000} s`)
      const { promise, resolve } = Promise.withResolvers<void>()
      this.#wake = resolve
      const timer = setTimeout(resolve, left)
      await promise
      clearTimeout(timer)
    }
    return this.#responses.shift() ?? null
  }

  async ask(request: string | Buffer): Promise<Response | null> {
    this.socket.write(request)
    return await this.response()
  }

  [Symbol.dispose](): void {
    this.socket.destroy()
  }

  #read(): void {
    for (;;) {
      const headEnd = this.#text.indexOf('\r\n\r\n')
      if (headEnd < 0) return
      const head = this.#text.slice(0, headEnd).toLowerCase()
      const end = headEnd + 4 + Number(/^content-length: (\d+)/m.exec(head)?.[1] ?? 0)
      if (this.#text.length < end) return
      const status = Number(head.split(' ', 2)[1])
      // "100 Continue" announces a response.
      if (status >= 200) this.#responses.push({ status, head, body: this.#text.slice(headEnd + 4, end) })
      this.#text = this.#text.slice(end)
    }
  }
}

/** A question as an HTTP request. */
export function request(path: string, body: string | Buffer, headers: Record<string, string> = {}): Buffer {
  const all = { host: 'localhost', 'content-type': 'application/json', ...headers }
  const lines = Object.entries({ 'content-length': `${Buffer.byteLength(body)}`, ...all })
  const head = lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')
  return Buffer.concat([Buffer.from(`POST ${path} HTTP/1.1\r\n${head}\r\n`, 'latin1'), Buffer.from(body)])
}

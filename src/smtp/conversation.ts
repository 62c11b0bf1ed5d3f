import { once } from 'node:events'
import net from 'node:net'
import tls from 'node:tls'

const LINE_LIMIT = 2_048
const LINES_LIMIT = 100

/** An answer of a server (RFC 5321, section 4.2). */
export interface SmtpReply {
  readonly code: number
  /** Of each line, what comes after the code. */
  readonly lines: readonly string[]
}

/** The server said something that no SMTP server says here. */
export class NoSmtp extends Error {}

/** The client's side of SMTP, one command at a time. */
export class SmtpConversation implements Disposable {
  #socket: net.Socket

  private constructor(socket: net.Socket) {
    this.#socket = socket
    // What breaks between two commands is reported by the second.
    socket.on('error', () => undefined)
  }

  static async open(host: string, port: number, signal: AbortSignal): Promise<SmtpConversation> {
    const socket = net.connect({ host, port })
    try {
      await once(socket, 'connect', { signal })
    } catch (error) {
      socket.destroy()
      throw error
    }
    signal.addEventListener('abort', () => socket.destroy(signal.reason), { once: true })
    return new SmtpConversation(socket)
  }

  get isSecure(): boolean {
    return this.#socket instanceof tls.TLSSocket
  }

  get peer(): string {
    return `${this.#socket.remoteAddress} port ${this.#socket.remotePort}`
  }

  async say(command: string): Promise<SmtpReply> {
    this.#socket.write(`${command}\r\n`)
    return await this.reply()
  }

  /** Goes on with TLS, whatever certificate is shown. */
  async secure(options: tls.ConnectionOptions): Promise<tls.TLSSocket> {
    const secure = tls.connect({ ...options, socket: this.#socket, rejectUnauthorized: false })
    secure.on('error', () => undefined)
    await once(secure, 'secureConnect')
    this.#socket = secure
    return secure
  }

  /** @throws NoSmtp */
  async reply(): Promise<SmtpReply> {
    const lines: string[] = []
    let text = ''
    for await (const chunk of this.#socket.iterator({ destroyOnReturn: false })) {
      text += (chunk as Buffer).toString('latin1')
      const parts = text.split('\r\n')
      text = parts.pop() ?? ''
      lines.push(...parts)
      if (text.length > LINE_LIMIT || lines.length > LINES_LIMIT) throw new NoSmtp('more than an SMTP server says here')
      const end = lines.findIndex((line) => !/^\d{3}-/.test(line))
      if (end < 0) continue
      if (end < lines.length - 1 || text !== '' || !/^\d{3}(?: |$)/.test(lines[end] ?? ''))
        throw new NoSmtp(lines.join(' '))
      return { code: Number(lines[end]?.slice(0, 3)), lines: lines.map((line) => line.slice(4)) }
    }
    throw this.#socket.errored ?? new Error('the server closed the connection without an answer')
  }

  [Symbol.dispose](): void {
    this.#socket.destroy()
  }
}

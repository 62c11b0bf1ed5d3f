import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer, type Server, type Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import type { Certificate } from './certificates.ts'
import { freePort } from './loopback.ts'

export interface MxScript {
  /** What it says first; null: nothing. */
  greeting?: string | null
  /** Offers STARTTLS with it; missing: none. */
  tls?: Certificate
  /** Lines of its EHLO beside STARTTLS. */
  extensions?: readonly string[]
  /** The answer to MAIL, and to RCPT for an address. */
  mail?: (line: string) => string
  recipient?: (line: string) => string
  /** The answer after a message; null hangs up instead. */
  message?: string | null
}

/** Stands in for an old MX where no real one can be made to answer so. */
export class ScriptedMx implements AsyncDisposable {
  readonly port: number
  script: MxScript
  /** All commands so far, and whether each came encrypted. */
  readonly said: { line: string; isSecure: boolean }[] = []
  /** All messages so far, without the dot. */
  readonly messages: string[] = []
  #server: Server = createServer()
  readonly #sockets = new Set<Socket>()

  private constructor(port: number, script: MxScript) {
    this.port = port
    this.script = script
  }

  static async start(script: MxScript = {}): Promise<ScriptedMx> {
    const mx = new ScriptedMx(await freePort(), script)
    await mx.listen()
    return mx
  }

  /** The recipients so far, as they were written. */
  get recipients(): string[] {
    return this.said.flatMap(({ line }) => (/^RCPT TO:(.*)/i.exec(line) ?? []).slice(1))
  }

  async listen(): Promise<void> {
    this.#server = createServer((socket) => {
      this.#sockets.add(socket)
      socket.on('close', () => this.#sockets.delete(socket))
      const { greeting = '220 old.example ESMTP' } = this.script
      if (greeting !== null) socket.write(`${greeting}\r\n`)
      this.#converse(socket, false)
    })
    this.#server.listen(this.port, '127.0.0.1')
    await once(this.#server, 'listening')
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    this.#server.close()
    await once(this.#server, 'close')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#server.listening) await this.close()
  }

  #converse(socket: Socket, isSecure: boolean): void {
    let text = ''
    let message: string | undefined
    socket
      .on('error', () => undefined)
      .on('data', (chunk) => {
        text += chunk.toString('latin1')
        for (let end = text.indexOf('\r\n'); end >= 0; end = text.indexOf('\r\n')) {
          const line = text.slice(0, end)
          text = text.slice(end + 2)
          if (message === undefined) message = this.#command(socket, line, isSecure)
          else if (line === '.') message = this.#take(socket, message)
          else message += `${line.replace(/^\./, '')}\r\n`
        }
      })
  }

  /** @returns '' when a message follows */
  #command(socket: Socket, line: string, isSecure: boolean): string | undefined {
    this.said.push({ line, isSecure })
    const { tls, extensions = ['ENHANCEDSTATUSCODES'], mail, recipient } = this.script
    const verb = line.slice(0, 4).toUpperCase()
    const answers: Readonly<Record<string, () => string>> = {
      EHLO: () =>
        ['old.example', ...(tls && !isSecure ? ['STARTTLS'] : []), ...extensions, 'HELP']
          .map((word, at, { length }) => `250${at === length - 1 ? ' ' : '-'}${word}`)
          .join('\r\n'),
      MAIL: () => mail?.(line) ?? '250 2.1.0 fine',
      RCPT: () => recipient?.(line) ?? '250 2.1.5 fine',
      DATA: () => '354 go on',
      STAR: () => '220 go on',
      QUIT: () => '221 bye',
    }
    socket.write(`${answers[verb]?.() ?? '250 fine'}\r\n`)
    if (verb === 'STAR' && tls) this.#secure(socket, tls)
    if (verb === 'QUIT') socket.end()
    return verb === 'DATA' ? '' : undefined
  }

  #take(socket: Socket, message: string): undefined {
    if (this.script.message === null) {
      socket.destroy()
      return
    }
    this.messages.push(message)
    socket.write(`${this.script.message ?? '250 2.0.0 queued'}\r\n`)
  }

  #secure(socket: Socket, { cert, key }: Certificate): void {
    socket.removeAllListeners('data')
    this.#converse(new TLSSocket(socket, { isServer: true, cert: readFileSync(cert), key: readFileSync(key) }), true)
  }
}

import { once } from 'node:events'
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from './loopback.ts'

export interface Asked {
  path: string
  headers: IncomingHttpHeaders
  body: Record<string, unknown>
}

/** Answers one question, or does anything else with the connection. */
export type Reply = (response: ServerResponse, asked?: Asked) => void

/** Stands in for postferry where no real one can be made to answer so: it says what the test tells it to. */
export class ScriptedPostferry implements AsyncDisposable {
  readonly url: string
  readonly socket: string
  /** All questions so far. */
  readonly asked: Asked[] = []
  reply: Reply = json(500, {})
  readonly #folder: string
  readonly #address: { port: number; host: string } | { path: string }
  #server = createServer()

  private constructor(kind: 'tcp' | 'unix', folder: string, port: number) {
    this.#folder = folder
    this.url = `http://127.0.0.1:${port}`
    this.socket = join(folder, 'postferry.sock')
    this.#address = kind === 'tcp' ? { port, host: '127.0.0.1' } : { path: this.socket }
  }

  static async start(kind: 'tcp' | 'unix'): Promise<ScriptedPostferry> {
    const folder = await mkdtemp(join(tmpdir(), 'postferry-scripted-'))
    await chmod(folder, 0o711)
    const postferry = new ScriptedPostferry(kind, folder, await freePort())
    await postferry.listen()
    return postferry
  }

  async listen(): Promise<void> {
    this.#server = createServer((request, response) => {
      const parts: Buffer[] = []
      request.on('data', (part) => parts.push(part))
      request.on('end', () => {
        const body = JSON.parse(Buffer.concat(parts).toString() || '{}')
        const asked = { path: request.url ?? '', headers: request.headers, body }
        this.asked.push(asked)
        this.reply(response, asked)
      })
    })
    this.#server.listen(this.#address)
    await once(this.#server, 'listening')
    if ('path' in this.#address) await chmod(this.socket, 0o666)
  }

  /** Nobody answers any more; connections that are open are cut. */
  async close(): Promise<void> {
    if (!this.#server.listening) return
    this.#server.close()
    this.#server.closeAllConnections()
    await once(this.#server, 'close')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
    await rm(this.#folder, { recursive: true, force: true })
  }
}

export function json(status: number, body: unknown): Reply {
  return text(status, JSON.stringify(body))
}

export function text(status: number, body: string): Reply {
  return (response) => response.writeHead(status, { 'content-type': 'application/json' }).end(body)
}

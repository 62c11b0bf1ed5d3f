import { setTimeout as wait } from 'node:timers/promises'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { type Piece, textOf } from './html.ts'
import { administratorOf, endOf, type Sessions } from './session.ts'

const POLL_MS = 2_000
const BEAT_MS = 15_000
/** A browser keeps one for each page that is open. */
const STREAMS_LIMIT = 200

/** Streams of pieces of pages, which end with the listener. */
export class Events {
  readonly #stopped = new AbortController()
  readonly #sessions: Sessions
  #streams = 0

  constructor(app: FastifyInstance, sessions: Sessions) {
    this.#sessions = sessions
    app.addHook('preClose', async () => this.#stopped.abort())
  }

  /**
   * Sends a piece at first and whenever it has become another (server-sent events, WHATWG HTML section 9.2), until the
   * session of whoever watches ends.
   * @param current what is to be seen now; null: there is nothing more to see
   */
  async stream(request: FastifyRequest, reply: FastifyReply, current: () => Promise<Piece | null>): Promise<void> {
    if (this.#streams >= STREAMS_LIMIT) return void reply.code(503).header('retry-after', '30').send()
    this.#streams++
    try {
      await this.#send(request, reply, current)
    } finally {
      this.#streams--
    }
  }

  async #send(request: FastifyRequest, reply: FastifyReply, current: () => Promise<Piece | null>): Promise<void> {
    const { raw } = reply.hijack()
    const gone = new AbortController()
    raw.once('close', () => gone.abort())
    const signal = AbortSignal.any([gone.signal, this.#stopped.signal])
    raw.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store', 'x-accel-buffering': 'no' })
    let [last, saidAt] = ['', Date.now()]
    while (!signal.aborted && (await this.#goesOn(request))) {
      const piece = await current().catch(() => undefined)
      if (piece === null) break
      const text = piece === undefined ? last : textOf(piece)
      const isNews = text !== last
      if (isNews || Date.now() - saidAt > BEAT_MS) {
        raw.write(isNews ? `data: ${text.replaceAll('\n', '\ndata: ')}\n\n` : ':\n\n')
        saidAt = Date.now()
      }
      last = text
      await wait(POLL_MS, undefined, { signal }).catch(() => undefined)
    }
    raw.end()
  }

  async #goesOn(request: FastifyRequest): Promise<boolean> {
    if (Date.now() >= endOf(request)) return false
    // While the database is away nobody is signed out.
    return (await administratorOf(request, this.#sessions).catch(() => undefined)) !== null
  }
}

import { once } from 'node:events'
import { type AddressInfo, connect, createServer } from 'node:net'

/** Carries so many TCP connections at a time on to another loopback port, and hangs up on any more, as Courier does. */
export interface Turnstile extends AsyncDisposable {
  readonly port: number
  readonly seen: {
    now: number
    /** At a time. */
    most: number
    /** Carried on, ever. */
    all: number
    refused: number
  }
}

export async function startTurnstile(to: number, limit: number): Promise<Turnstile> {
  const seen = { now: 0, most: 0, all: 0, refused: 0 }
  const turnstile = createServer({ allowHalfOpen: true }, (client) => {
    client.on('error', () => undefined)
    if (seen.now === limit) {
      seen.refused++
      client.destroy()
      return
    }
    seen.all++
    seen.most = Math.max(seen.most, ++seen.now)
    const server = connect({ port: to, host: '127.0.0.1', allowHalfOpen: true }).on('error', () => undefined)
    for (const [from, onto] of [
      [client, server],
      [server, client],
    ] as const) {
      from
        .on('data', (data) => onto.write(data))
        .on('end', () => onto.end())
        .on('close', () => onto.destroySoon())
    }
    const over = new AbortController()
    over.signal.addEventListener('abort', () => seen.now--, { once: true })
    // What counts is when the server has hung up.
    for (const event of ['end', 'close']) server.on(event, () => over.abort())
  }).listen(0, '127.0.0.1')
  await once(turnstile, 'listening')
  return {
    port: (turnstile.address() as AddressInfo).port,
    seen,
    async [Symbol.asyncDispose]() {
      turnstile.close()
    },
  }
}

import { once } from 'node:events'
import { createServer, type Server, type Socket } from 'node:net'
import { NetstringReader, netstring } from './socketmap-netstring.ts'

/** Answers one request; never fails. */
export type AnswerRequest = (request: string) => Promise<string>

/** A listener for Postfix's socketmap_table(5). Dispose to end it and whoever is connected. */
export interface SocketmapServer extends AsyncDisposable {
  listen(at: { path: string } | { host: string; port: number }): Promise<void>
}

const CONNECTIONS_LIMIT = 1_000
/** So many requests of a connection are answered at once; the next ones wait unread. */
const REQUESTS_AT_ONCE = 256
/** Postfix leaves after 100 s at most. */
const IDLE_LIMIT_MS = 300_000

export function socketmapServer(answer: AnswerRequest): SocketmapServer {
  const clients = new Set<Socket>()
  const server = createServer((client) => {
    clients.add(client.on('close', () => clients.delete(client)))
    converse(client, answer)
  })
  server.maxConnections = CONNECTIONS_LIMIT
  return {
    listen: (at) => listening(server, at),
    async [Symbol.asyncDispose]() {
      const closed = server.listening ? once(server, 'close') : undefined
      server.close()
      for (const client of clients) client.destroy()
      await closed
    },
  }
}

async function listening(server: Server, at: object): Promise<void> {
  // `once` throws the error that comes instead.
  const begun = once(server, 'listening')
  server.listen(at)
  await begun
}

/** Requests may come one behind the other; the replies leave in their order. */
function converse(client: Socket, answer: AnswerRequest): void {
  const reader = new NetstringReader()
  let waiting = 0
  let replied = Promise.resolve()
  const breathe = () => {
    if (waiting >= REQUESTS_AT_ONCE || client.writableNeedDrain) client.pause()
    else client.resume()
  }
  const reply = async (text: Promise<string>) => {
    client.write(netstring(await text))
    waiting--
    breathe()
  }
  client.setTimeout(IDLE_LIMIT_MS, () => client.destroy())
  client.on('error', () => client.destroy()).on('drain', breathe)
  client.on('data', (piece) => {
    for (const request of requestsIn(reader, piece) ?? []) {
      waiting++
      const text = answer(request)
      replied = replied.then(() => reply(text))
    }
    breathe()
  })

  /** Whoever sends anything else is not Postfix. */
  function requestsIn(reader: NetstringReader, piece: Buffer): string[] | undefined {
    try {
      return reader.push(piece)
    } catch {
      client.destroy()
      return undefined
    }
  }
}

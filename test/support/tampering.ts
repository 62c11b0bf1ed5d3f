import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'

/** Somebody between client and server, in the clear. */
export interface Tampering extends AsyncDisposable {
  port: number
  /** Everything that the client has sent. */
  sent(): string
}

/** Passes everything on to the loopback port; `change` may replace what the server says, piece by piece. */
export async function tamperWith(port: number, change: (said: string) => string): Promise<Tampering> {
  const sockets = new Set<Socket>()
  let sent = ''
  const server = createServer((client) => {
    const upstream = connect(port, '127.0.0.1')
    for (const socket of [client, upstream]) {
      sockets.add(socket)
      socket.on('error', () => {})
      socket.on('close', () => {
        client.destroy()
        upstream.destroy()
      })
    }
    client.on('data', (bytes) => {
      sent += bytes.toString('latin1')
      upstream.write(bytes)
    })
    upstream.on('data', (bytes) => client.write(Buffer.from(change(bytes.toString('latin1')), 'latin1')))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  return {
    port: typeof address === 'object' && address ? address.port : 0,
    sent: () => sent,
    [Symbol.asyncDispose]: async () => {
      server.close()
      for (const socket of sockets) socket.destroy()
      await once(server, 'close')
    },
  }
}

import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

/** Carries TCP connections on to another loopback port. */
export interface Relay extends AsyncDisposable {
  readonly port: number
  /** How many connections there were so far. */
  connections(): number
  /**
   * The connections of this moment stay open and carry nothing any more, as when a host is lost; new ones do.
   * @returns how many there were
   */
  lose(): number
  /** Those of this moment are closed. @returns how many there were */
  cut(): number
  /** Nothing gets through either way, also on new connections, until `thaw`: then what was said meanwhile arrives. */
  freeze(): void
  thaw(): void
}

/** @param change what becomes of what the server says, which arrives `latencyMs` late; @param port 0: any */
export async function startRelay(
  to: number,
  change: (data: Buffer) => Buffer = (data) => data,
  latencyMs = 0,
  port = 0,
): Promise<Relay> {
  const sockets = new Set<Socket>()
  let connections = 0
  let isFrozen = false
  const relay = createServer((client) => {
    connections++
    const server = connect(to, '127.0.0.1')
    client.on('data', (data) => server.write(data)).on('close', () => server.destroy())
    const later = (act: () => void) => (latencyMs === 0 ? act() : setTimeout(act, latencyMs))
    server
      .on('data', (data) => later(() => client.write(change(data))))
      .on('close', () => later(() => client.destroy()))
    for (const socket of [client, server]) {
      sockets.add(socket)
      socket.on('error', () => undefined).on('close', () => sockets.delete(socket))
      if (isFrozen) socket.pause()
    }
  }).listen(port, '127.0.0.1')
  await once(relay, 'listening')
  return {
    port: (relay.address() as AddressInfo).port,
    connections: () => connections,
    lose() {
      for (const socket of sockets) socket.removeAllListeners('data').on('data', () => undefined)
      return sockets.size / 2
    },
    cut() {
      for (const socket of sockets) socket.destroy()
      return sockets.size / 2
    },
    freeze() {
      isFrozen = true
      for (const socket of sockets) socket.pause()
    },
    thaw() {
      isFrozen = false
      for (const socket of sockets) socket.resume()
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      relay.close()
      await once(relay, 'close')
    },
  }
}

import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

/** A way to an IMAP server in the clear that counts how often whoever goes it has to wait for an answer. */
export interface RoundTrips extends AsyncDisposable {
  readonly port: number
  /** How often a command was sent when all before it were answered, since this was called last. */
  count(): number
}

/** Answers come late: what does not wait for them is sent before. */
const LATE_MS = 50

export async function startRoundTrips(to: number): Promise<RoundTrips> {
  const sockets = new Set<Socket>()
  let trips = 0
  const relay = createServer((client) => {
    const server = connect(to, '127.0.0.1')
    const unanswered = new Set<string>()
    const asked = linesOf((line) => {
      const [, tag] = /^(\w+) [A-Z]/i.exec(line) ?? []
      if (tag === undefined) return
      if (unanswered.size === 0) trips++
      unanswered.add(tag)
    })
    const answered = linesOf((line) => void unanswered.delete(line.split(' ', 1)[0] ?? ''))
    client.on('data', (data) => server.write(data)).on('data', asked)
    client.on('close', () => server.destroy())
    const later = (act: () => void) => void setTimeout(act, LATE_MS)
    server.on('data', (data) =>
      later(() => {
        answered(data)
        client.write(data)
      }),
    )
    server.on('close', () => later(() => client.destroy()))
    for (const socket of [client, server]) {
      sockets.add(socket)
      socket.on('error', () => undefined).on('close', () => sockets.delete(socket))
    }
  }).listen(0, '127.0.0.1')
  await once(relay, 'listening')
  return {
    port: (relay.address() as AddressInfo).port,
    count() {
      const counted = trips
      trips = 0
      return counted
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      relay.close()
      await once(relay, 'close')
    },
  }
}

function linesOf(take: (line: string) => void): (data: Buffer) => void {
  let rest = ''
  return (data) => {
    const lines = (rest + data.toString('latin1')).split('\r\n')
    rest = lines.pop() ?? ''
    for (const line of lines) take(line)
  }
}

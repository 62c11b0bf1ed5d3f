import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { pipeline } from 'node:stream/promises'
import type { PassedBody, Tunnel } from '../../copying/ports.ts'
import type { Provider } from '../../model/provider.ts'
import type { Code } from '../../model/verdict.ts'
import { endingOf } from '../login/ending.ts'
import { outcomeOf } from '../login/outcome.ts'
import { Overhear } from './overhear.ts'
import { userBehind } from './peer.ts'
import { reach } from './reach.ts'
import { ReadOnly, WritesError } from './read-only.ts'

const REACH_LIMIT_MS = 30_000

/**
 * A way to a provider's server for a program of this host that cannot verify it itself: plain IMAP on loopback here, the
 * provider's own endpoint, TLS and certificate there. One connection at a time, and commands that only read.
 * @param user who alone is let in: the source trusts this host, and other users of it are not to be it
 */
export async function openTunnel(
  provider: Provider,
  user: number,
  onBody: (body: PassedBody) => void = () => undefined,
): Promise<Tunnel> {
  let trouble: Code | null = null
  const near = new Set<Socket>()
  let turn: Promise<void> = Promise.resolve()
  const server = createServer({ pauseOnConnect: true }, (socket) => {
    near.add(socket)
    socket.on('error', () => undefined).once('close', () => near.delete(socket))
    void userBehind(socket).then((found) => {
      if (found === user) takeTurn(socket)
      else socket.destroy()
    }, socket.destroy.bind(socket))
  })
  const takeTurn = (socket: Socket) => {
    turn = turn
      .then(() => carry(socket, provider, new Overhear(onBody)))
      .catch((error) => {
        trouble = codeOf(error)
        socket.destroy()
      })
  }
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    trouble: () => trouble,
    async [Symbol.asyncDispose]() {
      server.close()
      for (const socket of near) socket.destroy()
      await turn
    },
  }
}

async function carry(near: Socket, provider: Provider, overhear: Overhear): Promise<void> {
  if (near.destroyed) return
  const { socket: far, greeting } = await reach(provider, AbortSignal.timeout(REACH_LIMIT_MS))
  if (greeting !== '') near.write(greeting)
  // Whoever ends first ends the other; how a connection ends is for the program to judge.
  const ways = [
    pipeline(near, new ReadOnly((line) => overhear.asked(line)), far),
    pipeline(far, overhear.passing(), near),
  ]
  const ended = ways.map((way) => way.finally(() => [near, far].map((socket) => socket.destroy())))
  for (const { reason } of (await Promise.allSettled(ended)).filter((end) => end.status === 'rejected')) {
    if (reason instanceof WritesError) throw reason
  }
}

function codeOf(error: unknown): Code {
  const answer = outcomeOf(endingOf(error), { username: '', password: '', provider: { refusal: null } })
  return answer.kind === 'trouble' && !(error instanceof WritesError) ? answer.code : 'old-protocol'
}

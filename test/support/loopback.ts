import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import { HANG_MS } from './until.ts'

const given = new Set<number>()

/** Below the range that the system gives to outgoing connections. */
const PORTS = [10_240, 32_768] as const
/**
 * Test files that run at the same time choose from different shares: a port is taken only when its server listens. Runs that
 * do so have different parents.
 */
const SHARES = 16
const SHARE = Math.floor((PORTS[1] - PORTS[0]) / SHARES)
const share = PORTS[0] + SHARE * ((process.ppid + Number(process.env.TAP_JOB_ID ?? 0)) % SHARES)

/**
 * A loopback port that nobody listens on, another one each time. A server that is stopped for a while finds its port free
 * again.
 */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < 50; tries++) {
    const port = randomInt(share, share + SHARE)
    if (given.has(port)) continue
    given.add(port)
    const probe = createServer().listen(port, '127.0.0.1')
    const free = await once(probe, 'listening').then(
      () => true,
      () => false,
    )
    if (!free) continue
    await new Promise((closed) => probe.close(closed))
    return port
  }
  throw new Error('no free loopback port found')
}

/** What the server at `port` says first, as soon as it matches; nothing when it ends without that. */
export function greetingFrom(port: number, wanted: RegExp, host = '127.0.0.1'): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = connect(port, host)
    let text = ''
    const settle = (answer?: string) => {
      socket.destroy()
      resolve(answer)
    }
    socket.setTimeout(HANG_MS, settle)
    socket.on('error', () => settle())
    socket.on('close', () => settle())
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1')
      if (wanted.test(text)) settle(text)
    })
  })
}

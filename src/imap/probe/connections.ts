import { once } from 'node:events'
import net, { isIP, type Socket } from 'node:net'
import tls from 'node:tls'
import type { Provider } from '../../model/provider.ts'
import { within } from '../../model/timeout.ts'
import type { AtOnce } from '../../source/probe.ts'
import { trust } from '../login/transport.ts'

const GREETING_LIMIT_MS = 5_000
const LEAVE_LIMIT_MS = 2_000

/**
 * How many connections from here a provider takes at once: one after the other is opened up to its greeting, nobody signs
 * in, and all are closed when one is turned away, or `most` are open.
 */
export async function connectionsAtOnce(provider: Provider, most: number): Promise<AtOnce> {
  const open: Socket[] = []
  let greeting = ''
  try {
    while (open.length < most) {
      const { socket, line } = await connected(provider)
      if (socket === null) return { taken: open.length, isRefused: open.length > 0, greeting }
      open.push(socket)
      greeting ||= line
    }
    return { taken: open.length, isRefused: false, greeting }
  } finally {
    await Promise.all(open.map(leave))
  }
}

interface Connected {
  /** Null: it was turned away. */
  readonly socket: Socket | null
  readonly line: string
}

const TURNED_AWAY: Connected = { socket: null, line: '' }

async function connected(provider: Provider): Promise<Connected> {
  const socket = socketTo(provider).on('error', () => undefined)
  try {
    const [first] = await within(GREETING_LIMIT_MS, Promise.race([once(socket, 'data'), ended(socket)]))
    const line = String(first ?? '')
    if (/^\* OK\b/i.test(line)) return { socket, line }
  } catch {
    // Without an answer, or without a connection.
  }
  socket.destroy()
  return TURNED_AWAY
}

function socketTo(provider: Provider): Socket {
  const { host, port } = provider
  if (provider.tls !== 'implicit') return net.connect({ host, port })
  return tls.connect({ host, port, ...(isIP(host) === 0 && { servername: host }), ...trust(provider) })
}

async function ended(socket: Socket): Promise<[]> {
  await once(socket, 'close')
  return []
}

/** The server counts a connection until it has closed it itself. */
async function leave(socket: Socket): Promise<void> {
  if (!socket.destroyed) {
    socket.resume().write('l LOGOUT\r\n')
    await within(LEAVE_LIMIT_MS, once(socket, 'close')).catch(() => undefined)
  }
  socket.destroy()
}

import { once } from 'node:events'
import { isIP, type Socket } from 'node:net'
import type { Provider } from '../../model/provider.ts'
import { transportTo } from '../login/transport.ts'

const LINES_LIMIT = 16 * 1024

/** The source does not do what was agreed with it. */
class Refusal extends Error {
  readonly code = 'EPROTO'
}

/**
 * A connection to a provider's server, its certificate verified. `greeting`: what stands in the place of the server's
 * own where STARTTLS has used that up; nothing else was read.
 */
export async function reach(provider: Provider, signal: AbortSignal): Promise<{ socket: Socket; greeting: string }> {
  const { host, port, tls } = provider
  const transport = transportTo(provider, Number.POSITIVE_INFINITY)
  const servername = isIP(host) === 0 ? { servername: host } : {}
  const plain = await opened(
    (onOpen) => transport.connect({ host, port, ...servername, secure: tls === 'implicit' }, onOpen) as Socket,
    signal,
  )
  if (tls !== 'starttls') return { socket: plain, greeting: '' }
  try {
    await askForTls(plain, signal)
    const socket = await opened((onOpen) => {
      return transport.upgrade(plain, { host, port, ...servername }, onOpen) as Socket
    }, signal)
    return { socket, greeting: '* OK ready\r\n' }
  } catch (error) {
    plain.destroy()
    throw error
  }
}

async function opened(open: (onOpen: () => void) => Socket, signal: AbortSignal): Promise<Socket> {
  const isOpen = Promise.withResolvers<void>()
  const socket = open(isOpen.resolve)
  const fail = (error: unknown) => {
    isOpen.reject(error)
    socket.destroy()
  }
  const cut = () => fail(Object.assign(new Error('the source is too slow'), { code: 'ETIMEDOUT' }))
  socket.once('error', fail).once('close', () => fail(Object.assign(new Error('closed'), { code: 'ECONNRESET' })))
  signal.addEventListener('abort', cut)
  if (signal.aborted) cut()
  await isOpen.promise.finally(() => signal.removeEventListener('abort', cut))
  return socket
}

/** STARTTLS (RFC 3501, section 6.2.1). Whatever comes before TLS is not trusted, and nothing may follow its OK. */
async function askForTls(socket: Socket, signal: AbortSignal): Promise<void> {
  await lineWith(socket, /^\* OK\b/i, /^\* /, signal)
  socket.write('s STARTTLS\r\n')
  await lineWith(socket, /^s OK\b/i, /^s /i, signal)
}

async function lineWith(socket: Socket, wanted: RegExp, last: RegExp, signal: AbortSignal): Promise<void> {
  let text = ''
  while (text.length < LINES_LIMIT) {
    const heard = once(socket, 'data', { signal }) as Promise<[Buffer]>
    socket.resume()
    const [chunk] = await heard
    socket.pause()
    text += chunk.toString('latin1')
    const lines = text.split('\r\n')
    const at = lines.findIndex((line, index) => index < lines.length - 1 && last.test(line))
    if (at < 0) continue
    if (wanted.test(lines[at] ?? '') && lines.slice(at + 1).join('') === '') return
    break
  }
  throw new Refusal('the server does not begin TLS as it should')
}

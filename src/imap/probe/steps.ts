import { lookup } from 'node:dns/promises'
import { once } from 'node:events'
import net from 'node:net'
import type { Provider } from '../../model/provider.ts'
import { linesUpTo, noImap, ProbeFailure, quote, type Step } from './state.ts'

const ONE_ADDRESS_LIMIT_MS = 5_000

export const resolve: Step = async (state) => {
  const { host } = state.provider
  const found = await lookup(host, { all: true }).catch(({ code }) => {
    throw new Error(`no address of ${host} is known (${code})`)
  })
  state.addresses = found.map(({ address }) => address)
  return state.addresses.join(', ')
}

/** Tries the addresses one after the other. */
export const connectTo: Step = async (state) => {
  const { port } = state.provider
  const failed: string[] = []
  let last: unknown
  for (const address of state.addresses) {
    const start = performance.now()
    const limit = AbortSignal.timeout(ONE_ADDRESS_LIMIT_MS)
    try {
      state.socket = net.connect({ host: address, port })
      // What breaks between two steps is reported by the second.
      state.socket.on('error', () => undefined)
      await once(state.socket, 'connect', { signal: AbortSignal.any([state.signal, limit]) })
      const took = `${address} port ${port} in ${Math.ceil(performance.now() - start)} ms`
      return failed.length === 0 ? took : `${took}; ${failed.join('; ')}`
    } catch (error) {
      state.signal.throwIfAborted()
      state.socket.destroy()
      last = error
      failed.push(`${address} port ${port}: ${reasonOf(error)}`)
    }
  }
  throw Object.assign(new Error(failed.join('; ')), { code: (last as NodeJS.ErrnoException).code })
}

function reasonOf(error: unknown): string {
  const { name, code = '', message } = error as NodeJS.ErrnoException
  if (name === 'AbortError' || code === 'ETIMEDOUT') return 'timed out'
  return code === 'ECONNREFUSED' ? 'connection refused' : message
}

/** The untagged greeting (RFC 3501, section 7.1). */
export const greeting: Step = async ({ socket }) => {
  const [line = ''] = await linesUpTo(socket, () => true)
  const [, condition = '', text = ''] = /^\* (OK|PREAUTH|BYE)(?: (.*))?$/i.exec(line) ?? []
  switch (condition.toUpperCase()) {
    case 'OK':
      return quote(text)
    case 'PREAUTH':
      throw new ProbeFailure(
        `the server signs everybody in without a password (PREAUTH): ${quote(text)}`,
        'no password can be verified there: use a host and port that ask for one',
      )
    case 'BYE':
      throw new ProbeFailure(
        `the server hangs up: ${quote(text)}`,
        'ask whoever runs the old server whether it limits or blocks connections from here',
      )
    default:
      throw noImap(`"${quote(line)}"`)
  }
}

export const capabilities: Step = async ({ socket, provider }) => {
  socket.write('c CAPABILITY\r\n')
  const lines = await linesUpTo(socket, (line) => line.startsWith('c '))
  const offered = lines.find((line) => /^\* CAPABILITY /i.test(line))?.slice('* CAPABILITY '.length) ?? ''
  const has = (name: string) => offered.toUpperCase().split(' ').includes(name)
  if (!has('IMAP4REV1') && !has('IMAP4REV2')) throw noImap(`"${quote(lines.at(-1) ?? '')}" when asked what it can do`)
  socket.end('d LOGOUT\r\n')
  if (has('LOGINDISABLED') && !has('AUTH=PLAIN') && !has('AUTH=LOGIN')) {
    throw new ProbeFailure(`nobody can sign in with a password: ${quote(offered)}`, remedyOfDisabled(provider, has))
  }
  if (provider.forwardsClient && !has('ID')) return `${offered} (without ID it cannot be told the client's address)`
  return offered
}

function remedyOfDisabled({ name, tls }: Provider, has: (name: string) => boolean): string {
  if (tls !== 'none') return 'ask whoever runs the old server to allow sign-ins by password from here'
  const options = has('STARTTLS') ? '--tls starttls' : '--tls implicit --port 993'
  return `the server wants TLS first: postferry provider set ${name} ${options}`
}

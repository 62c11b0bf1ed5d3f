import { lookup } from 'node:dns/promises'
import { once } from 'node:events'
import net from 'node:net'
import type { Take } from './way.ts'

const ONE_ADDRESS_LIMIT_MS = 5_000

export const resolve: Take = async (way) => {
  const { host } = way.provider
  const found = await lookup(host, { all: true }).catch(({ code }) => {
    throw new Error(`no address of ${host} is known (${code})`)
  })
  way.addresses = found.map(({ address }) => address)
  return way.addresses.join(', ')
}

/** Tries the addresses one after the other. */
export const connectTo: Take = async (way) => {
  const { port } = way.provider
  const failed: string[] = []
  let last: unknown
  for (const address of way.addresses) {
    const start = performance.now()
    const limit = AbortSignal.timeout(ONE_ADDRESS_LIMIT_MS)
    try {
      way.socket = net.connect({ host: address, port })
      // What breaks between two steps is found by the second.
      way.socket.on('error', () => undefined)
      await once(way.socket, 'connect', { signal: AbortSignal.any([way.signal, limit]) })
      const took = `${address} port ${port} in ${Math.ceil(performance.now() - start)} ms`
      return failed.length === 0 ? took : `${took}; ${failed.join('; ')}`
    } catch (error) {
      way.signal.throwIfAborted()
      way.socket.destroy()
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

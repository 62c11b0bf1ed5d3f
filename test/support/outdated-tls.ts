import { readFileSync } from 'node:fs'
import { type AddressInfo, connect } from 'node:net'
import { createServer } from 'node:tls'
import type { Certificate } from './certificates.ts'

/** TLS 1.0 and nothing newer in front of a loopback port: servers of today's Debian cannot be made to speak it. */
export async function startOutdatedTls(
  to: number,
  { cert, key }: Certificate,
): Promise<AsyncDisposable & { port: number }> {
  const version = 'TLSv1' as const
  const options = { cert: readFileSync(cert), key: readFileSync(key), ciphers: 'DEFAULT:@SECLEVEL=0' }
  const server = createServer({ ...options, minVersion: version, maxVersion: version }, (near) => {
    const far = connect(to, '127.0.0.1')
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      one.on('error', () => undefined).on('close', () => other.destroy())
      one.pipe(other)
    }
  })
  server.on('tlsClientError', () => undefined)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      server.close()
    },
  }
}

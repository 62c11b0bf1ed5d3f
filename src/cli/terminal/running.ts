import { request } from 'node:http'
import type { ProviderStatus } from '../../source/ports.ts'

const LIMIT_MS = 3_000

/** How the service that runs on this host uses its providers; null when none answers on the socket. */
export function statusOfService(socketPath: string): Promise<ProviderStatus[] | null> {
  return new Promise((resolve) => {
    const asked = request({ socketPath, path: '/v1/status', agent: false, timeout: LIMIT_MS }, async (response) => {
      try {
        const text = (await response.setEncoding('utf8').toArray()).join('')
        resolve(response.statusCode === 200 ? (JSON.parse(text).providers as ProviderStatus[]) : null)
      } catch {
        resolve(null)
      }
    })
    asked.on('timeout', () => asked.destroy())
    asked.on('error', () => resolve(null))
    asked.end()
  })
}

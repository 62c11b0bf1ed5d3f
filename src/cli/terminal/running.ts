import { request } from 'node:http'
import { BREAKER_STATES, type ProviderStatus } from '../../source/ports.ts'

const LIMIT_MS = 3_000

/** How the service on this host uses a provider, by its metrics; null: none runs, or it has not asked there yet. */
export async function statusOf(provider: string, socketPath: string): Promise<ProviderStatus | null> {
  const metrics = await metricsOf(socketPath)
  const gauge = (name: string, labels = '') => {
    const prefix = `postferry_old_${name}{provider="${provider}"${labels}} `
    return Number(metrics.find((line) => line.startsWith(prefix))?.slice(prefix.length))
  }
  const breaker = BREAKER_STATES.find((state) => gauge('breaker', `,state="${state}"`) === 1)
  if (breaker === undefined) return null
  return { provider, breaker, running: gauge('connections'), waiting: gauge('waiting') }
}

/** None: no service answers. */
function metricsOf(socketPath: string): Promise<string[]> {
  return new Promise((resolve) => {
    const asked = request({ socketPath, path: '/metrics', agent: false, timeout: LIMIT_MS }, async (response) => {
      const chunks = await response
        .setEncoding('utf8')
        .toArray()
        .catch(() => [])
      resolve(chunks.join('').split('\n'))
    })
    asked.on('timeout', () => asked.destroy())
    asked.on('error', () => resolve([]))
    asked.end()
  })
}

import type { Provider } from '../model/provider.ts'
import type { Budget } from './budget.ts'
import type { ProbeStep } from './probe-step.ts'

type Probe = (provider: Provider, stranger?: string) => AsyncIterable<ProbeStep>

/** Goes to a provider step by step on a connection that the provider allows; without one it does not go at all. */
export function seatedProbe(probe: Probe, budget: Budget, limitMs: number): Probe {
  return async function* (provider, stranger) {
    const startedAt = performance.now()
    using seat = await budget.take(provider.name, 'sign-in', { limitMs })
    if (seat !== null) return yield* probe(provider, stranger)
    yield {
      ...{ step: 'connect', ok: false, isBusy: true },
      found: `all ${provider.maxConnections} connections that it may get are in use`,
      remedy: `try again, or allow more (postferry provider set ${provider.name} --max-connections …)`,
      milliseconds: Math.ceil(performance.now() - startedAt),
    }
  }
}

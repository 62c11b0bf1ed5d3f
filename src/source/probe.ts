import type { Provider } from '../model/provider.ts'
import type { Budget } from './budget.ts'

/** One step of a probe, with its result. */
export interface ProbeStep {
  readonly step: 'resolve' | 'connect' | 'tls' | 'greeting' | 'capabilities' | 'connections' | 'refusal'
  readonly ok: boolean
  /** Addresses, issuer, names, days left, …; partly in the words of the source, so not fit for a terminal. */
  readonly found: string
  /** Not tried: all connections of the provider are in use. */
  readonly isBusy?: true
  /** What to change when the step failed. */
  readonly remedy?: string
  /** How the provider refuses a password, to be kept as its `refusal`. */
  readonly learned?: string
  readonly milliseconds: number
  /** Whole days until the source's certificate expires; negative: it has expired. */
  readonly daysLeft?: number
}

/** How many connections a provider takes at once from one address. */
export interface AtOnce {
  readonly taken: number
  /** It turned the next one away. */
  readonly isRefused: boolean
  /** How it greets. */
  readonly greeting: string
}

/** Whether a provider has ManageSieve; nobody signs in. */
export type ManageSieve =
  | { readonly is: 'there' }
  | { readonly is: 'none' }
  /** It does not say, or cannot be asked for filters: in a sentence. */
  | { readonly is: 'unknown'; readonly why: string }

type Probe = (provider: Provider, stranger?: string) => AsyncIterable<ProbeStep>

export interface ProbeDeps {
  readonly budget: Budget
  /** How long a probe waits for a connection. */
  readonly queueLimitMs: number
  readonly sourceLimitMs: number
}

/** A probe that takes its connection from the provider's budget. */
export function budgetedProbe(
  probe: (provider: Provider, stranger: string | undefined, limitMs: number) => AsyncIterable<ProbeStep>,
  { budget, queueLimitMs, sourceLimitMs }: ProbeDeps,
): Probe {
  return async function* (provider, stranger) {
    const startedAt = performance.now()
    using connection = await budget.take(provider.name, 'sign-in', { limitMs: queueLimitMs })
    if (connection !== null) return yield* probe(provider, stranger, sourceLimitMs)
    yield {
      ...{ step: 'connect', ok: false, isBusy: true },
      found: `all ${provider.maxConnections} connections that it may get are in use`,
      remedy: `try again, or allow more (postferry provider set ${provider.name} --max-connections …)`,
      milliseconds: Math.ceil(performance.now() - startedAt),
    }
  }
}

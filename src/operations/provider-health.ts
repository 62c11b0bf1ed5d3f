import { bulkhead } from 'cockatiel'
import { LRUCache } from 'lru-cache'
import type { Provider } from '../model/provider.ts'
import type { ProviderStatus } from '../source/ports.ts'
import type { ProbeStep } from '../source/probe.ts'
import { operation } from './operation.ts'
import { healthRow } from './rows.ts'
import { listOf, the } from './schema.ts'
import { Health } from './schemas.ts'

/** How a provider is. */
export interface ProviderHealth {
  readonly provider: string
  readonly reachable: boolean
  /** The step on the way there that failed. */
  readonly failedStep: ProbeStep['step'] | null
  /** All steps together; null when one failed. */
  readonly latencyMs: number | null
  /** For how many days its certificate is still valid; null: none was seen. */
  readonly daysLeft: number | null
  readonly checkedAt: Date
  /** How sign-ins of this process use it; null: none has asked there yet. */
  readonly status: ProviderStatus | null
}

type Found = Omit<ProviderHealth, 'status'>

export const providerHealth = operation({
  ...{ name: 'provider.health', permission: 'see', fields: {} },
  summary: 'Show how each provider is, as of the last minute, and how the sign-ins of this process use it',
  answer: { schema: listOf(the(Health)), row: (found: readonly ProviderHealth[]) => found.map(healthRow) },
  run: async (_, { health }: { health(): Promise<readonly ProviderHealth[]> }) => await health(),
})

export interface HealthDeps {
  readonly providers: { list(): Promise<readonly Provider[]> }
  /** Goes to a provider step by step, up to the first that fails. */
  probe(provider: Provider): AsyncIterable<ProbeStep>
  /** How the providers' connections are used. */
  status(): readonly ProviderStatus[]
}

const KEPT_MS = 60_000
const MOST_KEPT = 1_000
const PROBES_AT_ONCE = 8

export interface ProviderHealths {
  /** How each provider is, at the latest 60 s ago. */
  health(): Promise<ProviderHealth[]>
  /** The same of those that are known at this moment; the others are asked meanwhile. */
  latestHealth(): Promise<ProviderHealth[]>
}

/** Results are cached for 60 s, and shared by whoever asks at the same time. */
export function healthOf({ providers, probe, status }: HealthDeps): ProviderHealths {
  const atOnce = bulkhead(PROBES_AT_ONCE, Number.POSITIVE_INFINITY)
  const known = new LRUCache<string, Found, Provider>({
    max: MOST_KEPT,
    ttl: KEPT_MS,
    // Nothing goes before what takes its place is there.
    noDeleteOnStaleGet: true,
    fetchMethod: (_key, _stale, { context }) => atOnce.execute(() => healthFrom(context, probe(context))),
  })
  // By everything that is set: one that was changed is probed again.
  const ask = (provider: Provider) => known.forceFetch(JSON.stringify(provider), { context: provider })
  const withUse = (found: readonly Found[]) => {
    const uses = new Map(status().map((use) => [use.provider, use]))
    return found.map((one) => ({ ...one, status: uses.get(one.provider) ?? null }))
  }
  return {
    health: async () => withUse(await Promise.all((await providers.list()).map(ask))),
    async latestHealth() {
      const all = await providers.list()
      const latest = all.map((provider) => known.get(JSON.stringify(provider), { allowStale: true }))
      // What is not known, or not any more, is so before long.
      for (const provider of all) ask(provider).catch(() => undefined)
      return withUse(latest.filter((one) => one !== undefined))
    },
  }
}

async function healthFrom({ name }: Provider, probing: AsyncIterable<ProbeStep>): Promise<Found> {
  const steps = await Array.fromAsync(probing)
  // What we use up ourselves is there.
  const failed = steps.find(({ ok, isBusy }) => !ok && !isBusy)
  return {
    provider: name,
    reachable: failed === undefined,
    failedStep: failed?.step ?? null,
    latencyMs: steps.every(({ ok }) => ok) ? steps.reduce((all, { milliseconds }) => all + milliseconds, 0) : null,
    daysLeft: steps.find(({ step }) => step === 'tls')?.daysLeft ?? null,
    checkedAt: new Date(),
  }
}

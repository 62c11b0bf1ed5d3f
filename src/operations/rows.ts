import type { Provider } from '../model/provider.ts'
import { PROVIDER_ROWS } from '../model/provider-fields.ts'
import type { ProviderStatus } from '../source/ports.ts'
import type { ProbeStep } from '../source/probe.ts'
import type { ProviderHealth } from './provider-health.ts'

// The names of the fields are a contract with whoever reads JSON, of a command or of the API.

export function providerRow(provider: Provider): Record<string, unknown> {
  return {
    name: provider.name,
    ...Object.fromEntries(PROVIDER_ROWS.map(([key, row]) => [row.name, row.json?.(provider[key]) ?? provider[key]])),
    refusal: provider.refusal,
    tested_at: provider.lastTest?.at ?? null,
    test_failed: provider.lastTest?.failedStep ?? null,
  }
}

/** One step of a test, of an IMAP server or of an MX. */
export type TestStep = Omit<ProbeStep, 'step'> & { readonly step: string }

export function stepRow({ step, ok, found, remedy, learned, milliseconds, daysLeft }: TestStep) {
  return {
    ...{ step, ok, found, milliseconds },
    ...(remedy !== undefined && { remedy }),
    ...(learned !== undefined && { learned }),
    ...(daysLeft !== undefined && { days_left: daysLeft }),
  }
}

export function healthRow({ failedStep, latencyMs, daysLeft, checkedAt, status, ...health }: ProviderHealth) {
  return {
    ...health,
    ...{ failed_step: failedStep, latency_ms: latencyMs, days_left: daysLeft, checked_at: checkedAt },
    ...usageRow(status),
  }
}

/** How a process uses a provider; null where it has not asked there yet. */
export function usageRow(status: ProviderStatus | null) {
  return {
    breaker: status?.breaker ?? null,
    connections_in_use: status?.running ?? null,
    waiting: status?.waiting ?? null,
  }
}

import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import type { Verdict } from '../model/verdict.ts'
import { BREAKER_STATES, type Effort, type ProviderStatus, type Time } from '../source/ports.ts'

/** Who passed a sign-in on. */
export type Door = 'http' | 'checkpassword'

/** What Prometheus sees. No label ever names a person. */
export interface Metrics {
  /** Notes the answer to a sign-in. @param workedSince since when (performance.now) it took work; null: it took none */
  answered(door: Door, verdict: Verdict, workedSince: number | null): void
  /** Notes a question that was turned away. */
  shed(route: 'passdb' | 'userdb'): void
  /** Does one step of a sign-in, and notes how long it took. */
  readonly time: Time
  /** Questions that are being answered, at all doors together. */
  inFlight: number
  readonly contentType: string
  /** Everything, as of now. */
  render(providers: readonly ProviderStatus[]): Promise<string>
}

const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15, 30]

export function createMetrics(): Metrics {
  const registry = new Registry()
  const registers = [registry]
  collectDefaultMetrics({ register: registry })
  const steps = stepSeconds(registry)
  const showProviders = providerGauges(registry)
  const verdicts = new Tallies()
  showVerdicts(registry, verdicts)
  const passdbSeconds = new Histogram({
    name: 'postferry_passdb_seconds',
    help: 'Time from question to verdict, where the answer was not remembered',
    buckets: SECONDS,
    registers,
  })
  const turnedAway = new Counter({
    name: 'postferry_shed_total',
    help: 'Questions turned away because of overload; they are not among the verdicts',
    labelNames: ['route'],
    registers,
  })
  const metrics: Metrics = {
    answered(door, verdict, workedSince) {
      if (workedSince !== null) passdbSeconds.observe((performance.now() - workedSince) / 1000)
      verdicts.count(door, verdict.verdict, verdict.verdict === 'tempfail' ? verdict.code : '')
    },
    shed: (route) => turnedAway.inc({ route }),
    async time(effort, work) {
      const startedAt = performance.now()
      try {
        return await work()
      } finally {
        steps.observe({ step: effort }, (performance.now() - startedAt) / 1000)
      }
    },
    inFlight: 0,
    contentType: registry.contentType,
    render(providers) {
      showProviders(providers)
      return registry.metrics()
    },
  }
  showInFlight(registry, metrics)
  return metrics
}

/** Counts answers. A Counter with three labels would take half as long as the rest of a repeated sign-in. */
class Tallies {
  readonly #counts = new Map<string, number>()

  count(door: Door, verdict: string, code: string): void {
    const key = `${door} ${verdict} ${code}`
    this.#counts.set(key, (this.#counts.get(key) ?? 0) + 1)
  }

  *[Symbol.iterator]() {
    for (const [key, count] of this.#counts) {
      const [door = '', verdict = '', code = ''] = key.split(' ')
      yield { labels: { door, verdict, code }, count }
    }
  }
}

function showVerdicts(registry: Registry, tallies: Tallies): void {
  new Counter({
    name: 'postferry_verdicts_total',
    help: 'Answers to sign-ins, by door, verdict and, for tempfail, its code',
    labelNames: ['door', 'verdict', 'code'],
    registers: [registry],
    collect() {
      this.reset()
      for (const { labels, count } of tallies) this.inc(labels, count)
    },
  })
}

function stepSeconds(registry: Registry): Histogram<'step'> {
  const histogram = new Histogram({
    name: 'postferry_step_seconds',
    help: 'Time of the steps of a sign-in: hash (our own password hash), old (the old server), database',
    labelNames: ['step'],
    buckets: SECONDS,
    registers: [registry],
  })
  const efforts: readonly Effort[] = ['hash', 'old', 'database']
  for (const step of efforts) histogram.zero({ step })
  return histogram
}

function showInFlight(registry: Registry, metrics: { readonly inFlight: number }): void {
  new Gauge({
    name: 'postferry_questions_in_flight',
    help: 'Questions that are being answered',
    registers: [registry],
    collect() {
      this.set(metrics.inFlight)
    },
  })
}

function providerGauges(registry: Registry): (providers: readonly ProviderStatus[]) => void {
  const gauge = <L extends string>(name: string, help: string, labelNames: readonly L[]) =>
    new Gauge({ name, help, labelNames, registers: [registry] })
  const running = gauge('postferry_old_connections', 'Questions being asked at the old server', ['provider'])
  const waiting = gauge('postferry_old_waiting', 'Questions that wait for a connection to the old server', ['provider'])
  const breaker = gauge('postferry_old_breaker', '1: the state of the circuit breaker', ['provider', 'state'])
  return (providers) => {
    // A provider that was removed is not shown any more.
    for (const each of [running, waiting, breaker]) each.reset()
    for (const status of providers) {
      const { provider } = status
      running.set({ provider }, status.running)
      waiting.set({ provider }, status.waiting)
      for (const state of BREAKER_STATES) breaker.set({ provider, state }, Number(state === status.breaker))
    }
  }
}

import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import type { Verdict } from '../model/verdict.ts'
import type { Standing } from '../operations/standing.ts'
import { BREAKER_STATES, type Effort, type ProviderStatus, type Time } from '../source/ports.ts'
import { standingGauges } from './standing-gauges.ts'

/** By which way a login came. */
export type Way = 'http' | 'checkpassword'

/** What Prometheus sees. No label ever names a person. */
export interface Metrics {
  /** Counts the answer to a login. @param workedSince since when (performance.now) it took work; null: it took none */
  answered(way: Way, verdict: Verdict, workedSince: number | null): void
  /** Counts a request that was turned away. */
  shed(route: 'passdb' | 'userdb' | 'delivery'): void
  /** Counts an answer to Postfix. @param answer its first word: OK, NOTFOUND, TEMP, PERM */
  lookedUp(map: string, answer: string): void
  /** Does one step of a login, and measures how long it took. */
  readonly time: Time
  /** Requests that are being answered, by all listeners together. */
  inFlight: number
  readonly contentType: string
  /** Everything, as of now. */
  render(providers: readonly ProviderStatus[], standing: Standing | null): Promise<string>
}

const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15, 30]

export function createMetrics(): Metrics {
  const registry = new Registry()
  const registers = [registry]
  collectDefaultMetrics({ register: registry })
  const steps = stepSeconds(registry)
  const showProviders = providerGauges(registry)
  const showStanding = standingGauges(registry)
  const verdicts = new Counter({
    name: 'postferry_verdicts_total',
    help: 'Answers to sign-ins, by the way they came, verdict and, for tempfail, code',
    labelNames: ['door', 'verdict', 'code'],
    registers,
  })
  const passdbSeconds = new Histogram({
    name: 'postferry_passdb_seconds',
    help: 'Time from request to verdict, where the answer was not in the auth cache',
    buckets: SECONDS,
    registers,
  })
  const turnedAway = new Counter({
    name: 'postferry_shed_total',
    help: 'Requests turned away because of overload; they are not among the verdicts',
    labelNames: ['route'],
    registers,
  })
  const lookUps = new Counter({
    name: 'postferry_socketmap_answers_total',
    help: "Answers to Postfix's look-ups, by map and first word: OK, NOTFOUND, TEMP, PERM",
    labelNames: ['map', 'answer'],
    registers,
  })
  const metrics: Metrics = {
    answered(way, verdict, workedSince) {
      if (workedSince !== null) passdbSeconds.observe((performance.now() - workedSince) / 1000)
      verdicts.inc({ door: way, verdict: verdict.verdict, code: verdict.verdict === 'tempfail' ? verdict.code : '' })
    },
    shed: (route) => turnedAway.inc({ route }),
    lookedUp: (map, answer) => lookUps.inc({ map, answer }),
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
    render(providers, standing) {
      showProviders(providers)
      showStanding(standing)
      return registry.metrics()
    },
  }
  showInFlight(registry, metrics)
  return metrics
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
    help: 'Requests that are being answered',
    registers: [registry],
    collect() {
      this.set(metrics.inFlight)
    },
  })
}

function providerGauges(registry: Registry): (providers: readonly ProviderStatus[]) => void {
  const gauge = <L extends string>(name: string, help: string, labelNames: readonly L[]) =>
    new Gauge({ name, help, labelNames, registers: [registry] })
  const running = gauge('postferry_old_connections', 'Sign-ins under way at the old server', ['provider'])
  const waiting = gauge('postferry_old_waiting', 'Sign-ins that wait for a connection to the old server', ['provider'])
  const breaker = gauge('postferry_old_breaker', '1: the state that the circuit breaker is in', ['provider', 'state'])
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

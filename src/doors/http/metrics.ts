import { Counter, collectDefaultMetrics, Histogram, Registry } from 'prom-client'

/** What Prometheus sees. No label ever names a person. */
export interface Metrics {
  readonly registry: Registry
  readonly verdicts: Counter<'verdict' | 'code'>
  readonly passdbSeconds: Histogram
}

const SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15, 30]

export function createMetrics(): Metrics {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  return {
    registry,
    verdicts: new Counter({
      name: 'mailferry_verdicts_total',
      help: 'Answers to sign-ins, by verdict and, for tempfail, its code',
      labelNames: ['verdict', 'code'],
      registers: [registry],
    }),
    passdbSeconds: new Histogram({
      name: 'mailferry_passdb_seconds',
      help: 'Time from question to verdict',
      buckets: SECONDS,
      registers: [registry],
    }),
  }
}

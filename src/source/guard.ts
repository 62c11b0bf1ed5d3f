import type { Provider } from '../model/provider.ts'
import type { Code } from '../model/verdict.ts'
import { Breaker } from './breaker.ts'
import type { Budget, SeatsInUse, Use } from './budget.ts'
import type { ProviderStatus, Source, SourceAnswer } from './ports.ts'

/** What stands before one provider in this process. */
interface Gate {
  /** Where the provider was when it was made. */
  readonly place: string
  readonly breaker: Breaker
}

export interface GuardDeps {
  readonly budget: Pick<Budget, 'take'> & { inUse(use: Use): SeatsInUse[] }
  /** So long a question waits for a connection. */
  readonly queueLimitMs: number
}

/**
 * the source, protected: each question takes a connection of those that the provider allows, and waits for it in turn
 * but not for ever; and nothing is asked for a while when the source has stopped answering.
 */
export function guardSource(old: Source, { budget, queueLimitMs }: GuardDeps): Source & { status(): ProviderStatus[] } {
  const gates = new Map<string, Gate>()

  function breakerOf({ name, host, port }: Provider): Breaker {
    const place = `${host} ${port}`
    const known = gates.get(name)
    if (known?.place === place) return known.breaker
    const gate = { place, breaker: new Breaker() }
    gates.set(name, gate)
    return gate.breaker
  }

  return {
    async ask(question) {
      const breaker = breakerOf(question.provider)
      const patience = { limitMs: queueLimitMs, signal: question.signal }
      const seat = await budget.take(question.provider.name, 'sign-in', patience)
      if (seat === null) return BUSY
      let isGone: Promise<void> = Promise.resolve()
      const signal = AbortSignal.any([question.signal, seat.signal])
      const onLeaving = (gone: Promise<void>) => {
        isGone = gone
      }
      const asked = { ...question, signal, onLeaving }
      try {
        return (await breaker.ask(asked, () => old.ask(asked))) ?? LEFT_ALONE
      } finally {
        isGone.finally(() => seat[Symbol.dispose]())
      }
    },
    status() {
      const uses = new Map(budget.inUse('sign-in').map((use) => [use.provider, use]))
      return [...gates].map(([provider, { breaker }]) => {
        const { running = 0, waiting = 0 } = uses.get(provider) ?? {}
        return { provider, breaker: breaker.state, running, waiting }
      })
    },
  }
}

function trouble(code: Code, cause: unknown): SourceAnswer {
  return { kind: 'trouble', code, cause, answered: false }
}

const BUSY = trouble('old-busy', 'all connections to the old server are in use')
const LEFT_ALONE = trouble('breaker-open', 'the old server does not answer, and is not asked for a while')

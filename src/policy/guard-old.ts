import {
  type CircuitBreakerPolicy,
  CircuitState,
  ConsecutiveBreaker,
  circuitBreaker,
  ExponentialBackoff,
  handleWhenResult,
  isBrokenCircuitError,
} from 'cockatiel'
import type { Provider } from '../model/provider.ts'
import type { Code } from '../model/verdict.ts'
import type { Budget, SeatsInUse, Use } from './budget.ts'
import type { Old, OldAnswer, OldQuestion, ProviderStatus } from './ports.ts'

/** So many questions in a row that OLD did not answer at all open the breaker. */
const SILENCES = 10
const PROBE_AFTER = { initialDelay: 5_000, maxDelay: 30_000 }

const BREAKER: Readonly<Record<CircuitState, ProviderStatus['breaker']>> = {
  [CircuitState.Closed]: 'closed',
  [CircuitState.Open]: 'open',
  [CircuitState.HalfOpen]: 'half-open',
  [CircuitState.Isolated]: 'open',
}

/** What stands before one provider in this process. */
interface Gate {
  /** Where the provider was when it was made. */
  readonly place: string
  readonly breaker: CircuitBreakerPolicy
}

export interface GuardSurroundings {
  readonly budget: Pick<Budget, 'take'> & { inUse(use: Use): SeatsInUse[] }
  /** So long a question waits for a connection. */
  readonly queueLimitMs: number
}

/**
 * OLD, protected: each question takes a connection of those that the provider allows, and waits for it in turn but not
 * for ever; and nothing is asked for a while when OLD has stopped answering.
 */
export function guardOld(old: Old, { budget, queueLimitMs }: GuardSurroundings): Old & { status(): ProviderStatus[] } {
  const gates = new Map<string, Gate>()

  function breakerOf({ name, host, port }: Provider): CircuitBreakerPolicy {
    const place = `${host} ${port}`
    const known = gates.get(name)
    if (known?.place === place) return known.breaker
    const gate = { place, breaker: newBreaker() }
    gates.set(name, gate)
    return gate.breaker
  }

  return {
    async ask(question) {
      const breaker = breakerOf(question.provider)
      const patience = { limitMs: queueLimitMs, signal: question.signal }
      using seat = await budget.take(question.provider.name, 'sign-in', patience)
      if (seat === null) return BUSY
      const signal = AbortSignal.any([question.signal, seat.signal])
      return await throughBreaker(breaker, old, { ...question, signal })
    },
    status() {
      const uses = new Map(budget.inUse('sign-in').map((use) => [use.provider, use]))
      return [...gates].map(([provider, { breaker }]) => {
        const { running = 0, waiting = 0 } = uses.get(provider) ?? {}
        return { provider, breaker: BREAKER[breaker.state], running, waiting }
      })
    },
  }
}

function newBreaker(): CircuitBreakerPolicy {
  const unanswered = handleWhenResult((answer) => {
    const { kind, answered } = answer as { kind: string; answered?: boolean }
    return kind === 'trouble' && answered === false
  })
  return circuitBreaker(unanswered, {
    breaker: new ConsecutiveBreaker(SILENCES),
    halfOpenAfter: new ExponentialBackoff(PROBE_AFTER),
  })
}

async function throughBreaker(breaker: CircuitBreakerPolicy, old: Old, question: OldQuestion): Promise<OldAnswer> {
  try {
    return await breaker.execute(async () => {
      const answer = await old.ask(question)
      if (question.signal.aborted) throw new GivenUp(answer)
      return answer
    })
  } catch (error) {
    if (error instanceof GivenUp) return error.answer
    if (!isBrokenCircuitError(error)) throw error
    return trouble('breaker-open', 'OLD does not answer, and is not asked for a while')
  }
}

/** We gave the question up: that says nothing about OLD, and the breaker counts no error but results. */
class GivenUp extends Error {
  readonly answer: OldAnswer

  constructor(answer: OldAnswer) {
    super('given up')
    this.answer = answer
  }
}

function trouble(code: Code, cause: unknown): OldAnswer {
  return { kind: 'trouble', code, cause, answered: false }
}

const BUSY = trouble('old-busy', 'all connections to OLD are in use')

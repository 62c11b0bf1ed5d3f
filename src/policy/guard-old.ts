import {
  type BulkheadPolicy,
  bulkhead,
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
import type { Old, OldAnswer, OldQuestion, ProviderStatus } from './ports.ts'

const QUEUE_LENGTH = 10_000
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
  /** What of the provider it was made for. */
  readonly madeFor: string
  readonly maxConnections: number
  readonly places: BulkheadPolicy
  readonly breaker: CircuitBreakerPolicy
}

/**
 * OLD, protected: no more questions at a time than the provider allows connections, the others wait in turn but not for
 * ever; and none at all for a while when it has stopped answering.
 */
export function guardOld(old: Old, queueLimitMs: number): Old & { status(): ProviderStatus[] } {
  const gates = new Map<string, Gate>()

  function gateOf({ name, host, port, maxConnections }: Provider): Gate {
    const madeFor = `${host} ${port} ${maxConnections}`
    const known = gates.get(name)
    if (known?.madeFor === madeFor) return known
    const gate = { madeFor, maxConnections, places: bulkhead(maxConnections, QUEUE_LENGTH), breaker: newBreaker() }
    gates.set(name, gate)
    return gate
  }

  return {
    async ask(question) {
      const { places, breaker } = gateOf(question.provider)
      const place = new Place(queueLimitMs, question.signal)
      const asked = places
        .execute(() => (place.take() ? throughBreaker(breaker, old, question) : BUSY))
        .catch(() => BUSY)
      return (await place.isTaken) ? await asked : BUSY
    },
    status: () =>
      [...gates].map(([provider, { maxConnections, places, breaker }]) => ({
        provider,
        breaker: BREAKER[breaker.state],
        running: maxConnections - places.executionSlots,
        waiting: QUEUE_LENGTH - places.queueSlots,
      })),
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

/** A place in the queue: taken when its turn comes, given up when that takes too long or nobody waits any more. */
class Place {
  readonly isTaken: Promise<boolean>
  readonly #settle: (taken: boolean) => void
  #givenUp = false

  constructor(limitMs: number, signal: AbortSignal) {
    const { promise, resolve } = Promise.withResolvers<boolean>()
    const giveUp = () => {
      this.#givenUp = true
      this.#settle(false)
    }
    const timer = setTimeout(giveUp, limitMs)
    this.isTaken = promise
    this.#settle = (taken) => {
      clearTimeout(timer)
      signal.removeEventListener('abort', giveUp)
      resolve(taken)
    }
    if (signal.aborted) giveUp()
    else signal.addEventListener('abort', giveUp)
  }

  /** Whether it is still wanted. */
  take(): boolean {
    if (!this.#givenUp) this.#settle(true)
    return !this.#givenUp
  }
}

import {
  type CircuitBreakerPolicy,
  CircuitState,
  circuitBreaker,
  ExponentialBackoff,
  handleWhenResult,
  type IBreaker,
  isBrokenCircuitError,
} from 'cockatiel'
import type { ProviderStatus, SourceAnswer, SourceLogin } from './ports.ts'

/** The breaker opens when the source did not answer at all for so many people in a row. */
const MOST_PEOPLE = 10
const PROBE_AFTER = { initialDelay: 5_000, maxDelay: 30_000 }

const STATES: Readonly<Record<CircuitState, ProviderStatus['breaker']>> = {
  [CircuitState.Closed]: 'closed',
  [CircuitState.Open]: 'open',
  [CircuitState.HalfOpen]: 'half-open',
  [CircuitState.Isolated]: 'open',
}

/** Leaves a source alone that has stopped answering, and probes it later with one login. */
export class Breaker {
  readonly #unanswered = new UnansweredPeople()
  readonly #circuit: CircuitBreakerPolicy

  constructor() {
    const silent = handleWhenResult((answer) => isSilent(answer as SourceAnswer))
    const halfOpenAfter = new ExponentialBackoff(PROBE_AFTER)
    this.#circuit = circuitBreaker(silent, { breaker: this.#unanswered, halfOpenAfter })
  }

  get state(): ProviderStatus['breaker'] {
    return STATES[this.#circuit.state]
  }

  /** @returns null when the source is left alone */
  async ask({ username, signal }: SourceLogin, ask: () => Promise<SourceAnswer>): Promise<SourceAnswer | null> {
    try {
      return await this.#circuit.execute(async () => {
        const answer = await ask()
        if (!isSilent(answer)) {
          this.#unanswered.clear()
          return answer
        }
        // A probe that was given up does not show that the source is back.
        if (signal.aborted && this.state !== 'half-open') throw new GivenUp(answer)
        this.#unanswered.add(username)
        return answer
      })
    } catch (error) {
      if (error instanceof GivenUp) return error.answer
      if (isBrokenCircuitError(error)) return null
      throw error
    }
  }
}

function isSilent(answer: SourceAnswer): boolean {
  return answer.kind === 'trouble' && !answer.answered
}

/** Counts people: one whose login makes the source hang says nothing about the others. */
class UnansweredPeople implements IBreaker {
  readonly #people = new Set<string>()
  state: unknown

  add(person: string): void {
    this.#people.add(person)
  }

  clear(): void {
    this.#people.clear()
  }

  success(): void {}

  failure(): boolean {
    return this.#people.size >= MOST_PEOPLE
  }
}

/** Nobody waits for the login any more, which says nothing about the source. cockatiel counts no errors here. */
class GivenUp extends Error {
  readonly answer: SourceAnswer

  constructor(answer: SourceAnswer) {
    super('given up')
    this.answer = answer
  }
}

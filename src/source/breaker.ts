import {
  type CircuitBreakerPolicy,
  CircuitState,
  circuitBreaker,
  ExponentialBackoff,
  handleWhenResult,
  type IBreaker,
  isBrokenCircuitError,
} from 'cockatiel'
import type { ProviderStatus, SourceAnswer, SourceQuestion } from './ports.ts'

/** So many people in a row whom the source did not answer at all open the breaker. */
const MOST_PEOPLE = 10
const PROBE_AFTER = { initialDelay: 5_000, maxDelay: 30_000 }

const STATES: Readonly<Record<CircuitState, ProviderStatus['breaker']>> = {
  [CircuitState.Closed]: 'closed',
  [CircuitState.Open]: 'open',
  [CircuitState.HalfOpen]: 'half-open',
  [CircuitState.Isolated]: 'open',
}

/** Leaves a source alone that has stopped answering, whoever asks; asks it again later with one question. */
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
  async ask({ username, signal }: SourceQuestion, ask: () => Promise<SourceAnswer>): Promise<SourceAnswer | null> {
    try {
      return await this.#circuit.execute(async () => {
        const answer = await ask()
        if (!isSilent(answer)) {
          this.#unanswered.clear()
          return answer
        }
        // Asked to see whether the source is back, and given up: it is not known to be back.
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

/** One person, whose sign-in makes the source hang, says nothing about the others. */
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

/** We gave the question up: that says nothing about the source, and the breaker counts no error but results. */
class GivenUp extends Error {
  readonly answer: SourceAnswer

  constructor(answer: SourceAnswer) {
    super('given up')
    this.answer = answer
  }
}

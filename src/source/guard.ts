import type { Provider } from '../model/provider.ts'
import type { Code } from '../model/verdict.ts'
import { Breaker } from './breaker.ts'
import type { Budget, ConnectionsInUse, Use } from './budget.ts'
import type { ProviderStatus, Source, SourceAnswer, Time } from './ports.ts'

/** The breaker of a provider, as long as that has the same endpoint. */
interface Guarded {
  readonly endpoint: string
  readonly breaker: Breaker
}

export interface GuardDeps {
  readonly budget: Pick<Budget, 'take'> & { inUse(use: Use): ConnectionsInUse[] }
  /** How long a login waits for a connection. */
  readonly queueLimitMs: number
  readonly time: Time
}

/**
 * The source, protected: each login takes a connection from the provider's budget, and waits for it in a queue that
 * times out; a breaker leaves a source alone for a while that has stopped answering.
 */
export function guardSource(
  source: Source,
  { budget, queueLimitMs, time }: GuardDeps,
): Source & { status(): ProviderStatus[] } {
  const guarded = new Map<string, Guarded>()

  function breakerOf({ name, host, port }: Provider): Breaker {
    const endpoint = `${host} ${port}`
    const known = guarded.get(name)
    if (known?.endpoint === endpoint) return known.breaker
    const breaker = new Breaker()
    guarded.set(name, { endpoint, breaker })
    return breaker
  }

  return {
    async ask(login) {
      const breaker = breakerOf(login.provider)
      const patience = { limitMs: queueLimitMs, signal: login.signal }
      const connection = await budget.take(login.provider.name, 'sign-in', patience).catch(inDatabaseTrouble)
      if (connection === null) return BUSY
      if ('kind' in connection) return connection
      let isGone: Promise<void> = Promise.resolve()
      const signal = AbortSignal.any([login.signal, connection.signal])
      const onLeaving = (gone: Promise<void>) => {
        isGone = gone
      }
      const guardedLogin = { ...login, signal, onLeaving }
      try {
        return (await breaker.ask(guardedLogin, () => time('old', () => source.ask(guardedLogin)))) ?? LEFT_ALONE
      } finally {
        isGone.finally(() => connection[Symbol.dispose]())
      }
    },
    status() {
      const uses = new Map(budget.inUse('sign-in').map((use) => [use.provider, use]))
      return [...guarded].map(([provider, { breaker }]) => {
        const { running = 0, waiting = 0 } = uses.get(provider) ?? {}
        return { provider, breaker: breaker.state, running, waiting }
      })
    },
  }
}

function trouble(code: Code, cause: unknown): SourceAnswer {
  return { kind: 'trouble', code, cause, answered: false }
}

function inDatabaseTrouble(cause: unknown): SourceAnswer {
  return trouble('database', cause)
}

const BUSY = trouble('old-busy', 'all connections to the old server are in use')
const LEFT_ALONE = trouble('breaker-open', 'the old server does not answer, and is not asked for a while')

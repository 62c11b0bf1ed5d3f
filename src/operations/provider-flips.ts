import { count } from '../model/count.ts'
import { Type } from '../model/json-schema.ts'
import type { Provider } from '../model/provider.ts'
import { sumOf } from './bulk-outcome.ts'
import { moveSelected, type Transitions } from './migration-changes.ts'
import { operation } from './operation.ts'
import type { Providers } from './ports.ts'
import { NAMED } from './providers.ts'
import { Count, Text } from './schema.ts'

interface Deps {
  readonly providers: Pick<Providers, 'set'>
  readonly transitions: Transitions
}

export interface FlipsStopped {
  readonly provider: Provider
  /** Whose requests are taken back. */
  readonly people: number
  /** Of these, a finish was requested, which would have flipped first. */
  readonly finishes: number
  /** Who had begun: a moment from being here. */
  readonly begun: number
}

/** Whoever is not held yet stays on the old server until somebody asks for a flip again. */
export const stopFlips = operation({
  ...{ name: 'provider.stop-flips', permission: 'operate', fields: { name: NAMED } },
  summary:
    'Stop the wave: take all requested flips of a provider back, and finishes, which would flip first, and flip nobody by itself any more',
  answer: {
    schema: Type.Object({ provider: Text, people: Count, finishes: Count, begun: Count }),
    row: ({ provider, ...counts }: FlipsStopped) => ({ provider: provider.name, ...counts }),
  },
  async run({ name: before }, deps: Deps, by): Promise<FlipsStopped> {
    const provider = before.flip === 'manual' ? before : ({ ...before, flip: 'manual' } as const)
    // First nobody begins by itself.
    if (provider !== before) await deps.providers.set(provider, by, before)
    const selection = { filter: { provider: provider.name, isFlipRequested: true } }
    const { moves, refused } = await moveSelected('stop-flip', selection, deps, by)
    const finishes = moves.filter(({ from }) => from.isFinishRequested)
    return { provider, people: sumOf(moves), finishes: sumOf(finishes), begun: sumOf(refused) }
  },
})

/** What was done, as a sentence without the full stop. */
export function stoppedText({ provider: { name }, people, finishes, begun }: FlipsStopped): string {
  const ofFinish = finishes === 0 ? '' : ` (of a finish, which would flip first: ${count(finishes)})`
  const those = begun === 0 ? '' : `; of ${count(begun)} the flip had begun`
  return `nobody of ${name} is flipped from now on: ${count(people)} requests are taken back${ofFinish}${those}`
}

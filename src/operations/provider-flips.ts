import { count } from '../model/count.ts'
import { Type } from '../model/json-schema.ts'
import type { Provider } from '../model/provider.ts'
import { changeSelected, type Transitions } from './migration-changes.ts'
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
  /** Who had begun: a moment from being here. */
  readonly begun: number
}

/** Whoever is not held yet stays on the old server until somebody asks for a flip again. */
export const stopFlips = operation({
  ...{ name: 'provider.stop-flips', permission: 'operate', fields: { name: NAMED } },
  summary: 'Stop the wave: take all requested flips of a provider back, and flip nobody by itself any more',
  answer: {
    schema: Type.Object({ provider: Text, people: Count, begun: Count }),
    row: ({ provider, ...counts }: FlipsStopped) => ({ provider: provider.name, ...counts }),
  },
  async run({ name: before }, deps: Deps, by): Promise<FlipsStopped> {
    const provider = before.flip === 'manual' ? before : ({ ...before, flip: 'manual' } as const)
    // First nobody begins by itself.
    if (provider !== before) await deps.providers.set(provider, by, before)
    const selection = { filter: { provider: provider.name, isFlipRequested: true } }
    const { changed, refused } = await changeSelected('stop-flip', selection, deps, by)
    const sum = (groups: readonly { readonly count: number }[]) => groups.reduce((all, { count }) => all + count, 0)
    return { provider, people: sum(changed), begun: sum(refused) }
  },
})

/** What was done, as a sentence without the full stop. */
export function stoppedText({ provider: { name }, people, begun }: FlipsStopped): string {
  const those = begun === 0 ? '' : `; of ${count(begun)} the flip had begun`
  return `nobody of ${name} is flipped from now on: ${count(people)} requests are taken back${those}`
}

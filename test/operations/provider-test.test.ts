import t from 'tap'
import type { Provider } from '../../src/model/provider.ts'
import { newProvider } from '../../src/model/provider-changes.ts'
import { testProvider } from '../../src/operations/provider-test.ts'
import type { ProbeStep } from '../../src/source/probe.ts'

const OLD = newProvider('old', { host: 'imap.old.example' })
const step = (name: ProbeStep['step'], more: Partial<ProbeStep> = {}): ProbeStep => {
  return { step: name, ok: true, found: '', milliseconds: 1, ...more }
}

/** What is noted of a test with these steps. */
async function noted(...steps: ProbeStep[]): Promise<unknown[]> {
  const notes: unknown[] = []
  const deps = {
    providers: {
      find: async () => OLD,
      set: async ({ refusal }: Provider) => void notes.push({ refusal }),
      noteTest: async ({ name }: Provider, failed: string | null) => void notes.push({ name, failed }),
    },
    domains: { list: async () => [] },
    testLimit: { consume: async () => true },
    async *probe() {
      yield* steps
    },
  }
  const { steps: taken } = await testProvider.run({ name: OLD }, deps, { actor: 'tests', reason: null })
  t.same(await Array.fromAsync(taken), steps)
  return notes
}

t.test('how a test ended is kept: at which step it failed, or that it went well', async (t) => {
  t.same(await noted(step('resolve'), step('refusal')), [{ name: 'old', failed: null }])
  t.same(await noted(step('resolve'), step('tls', { ok: false })), [{ name: 'old', failed: 'tls' }])
})

t.test('a test that found no free connection says nothing of the provider', async (t) => {
  t.same(await noted(step('connect', { ok: false, isBusy: true })), [])
})

t.test('how it refuses is kept as soon as it is learned', async (t) => {
  const learned = step('refusal', { learned: 'Nix da.' })
  t.same(await noted(learned), [{ refusal: 'Nix da.' }, { name: 'old', failed: null }])
})

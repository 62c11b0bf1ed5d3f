import { isIP } from 'node:net'
import type { AttemptLimit } from '../auth/ports.ts'
import type { By } from '../model/audit.ts'
import type { Provider } from '../model/provider.ts'
import type { ProbeStep } from '../source/probe.ts'
import { operation } from './operation.ts'
import type { Domains, Providers } from './ports.ts'
import { NAMED } from './providers.ts'
import { stepRow } from './rows.ts'
import { listOf, the } from './schema.ts'
import { Step } from './schemas.ts'

export interface TestDeps {
  readonly providers: Pick<Providers, 'find' | 'set' | 'noteTest'>
  readonly domains: Pick<Domains, 'list'>
  readonly testLimit: Pick<AttemptLimit, 'consume'>
  /** Goes to a provider step by step; at last, a stranger of that domain is tried. */
  probe(provider: Provider, stranger?: string): AsyncIterable<ProbeStep>
}

interface Test {
  readonly provider: Provider
  /** Each as it is taken; whoever does not read them takes none. */
  readonly steps: AsyncIterable<ProbeStep>
}

export const testProvider = operation({
  ...{ name: 'provider.test', permission: 'operate', isAudited: false },
  summary: 'Test the connection to a provider, up to the first step that fails, and learn how it refuses a password',
  fields: { name: NAMED },
  answer: { schema: listOf(the(Step)), row: ({ steps }: Test) => Array.fromAsync(steps, stepRow) },
  run: async ({ name: provider }, deps: TestDeps, by) => ({ provider, steps: tested(provider, by, deps) }),
})

/** Goes there, and keeps how that ended, and how it refuses a stranger when that is learned. */
async function* tested(provider: Provider, by: By, deps: TestDeps): AsyncGenerator<ProbeStep> {
  const subject = { person: null, client: null, provider: provider.name }
  if (!(await deps.testLimit.consume(subject))) {
    yield TOO_MANY
    return
  }
  let failed: ProbeStep | undefined
  for await (const step of deps.probe(provider, await domainAt(provider, deps))) {
    if (!step.ok) failed ??= step
    if (step.learned !== undefined) await keepRefusal(provider, step.learned, by, deps)
    yield step
  }
  if (!failed?.isBusy) await deps.providers.noteTest(provider, failed?.step ?? null)
}

const TOO_MANY: ProbeStep = {
  step: 'resolve',
  ok: false,
  found: 'not taken: too many tests of this provider',
  remedy: 'try again in ten minutes',
  milliseconds: 0,
}

/** A mail domain of the provider; when it has none yet, one that looks like it. */
async function domainAt({ name, host }: Provider, { domains }: TestDeps): Promise<string> {
  const own = (await domains.list()).find(({ provider }) => provider === name)
  return own?.name ?? (isIP(host) === 0 ? host : 'postferry.invalid')
}

/** Keeps how a provider refuses, unless it was removed or pointed elsewhere since it was asked. */
async function keepRefusal(asked: Provider, refusal: string, { actor }: By, { providers }: TestDeps) {
  const now = await providers.find(asked.name)
  if (now === null || now.host !== asked.host || now.port !== asked.port) return
  await providers.set({ ...now, refusal }, { actor, reason: 'learned by provider test' }, now)
}

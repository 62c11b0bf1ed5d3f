import { randomBytes } from 'node:crypto'
import type { AttemptLimit } from '../auth/ports.ts'
import type { Provider } from '../model/provider.ts'
import { Refused } from '../model/refused.ts'
import type { MxStep, ProbeMx } from '../routing/mx-probe.ts'
import { address } from './fields.ts'
import { operation, optional, text } from './operation.ts'
import type { Domains } from './ports.ts'
import { NAMED } from './providers.ts'
import { stepRow } from './rows.ts'
import { listOf, the } from './schema.ts'
import { Step } from './schemas.ts'

export interface MxTestDeps {
  readonly domains: Pick<Domains, 'list'>
  readonly testLimit: Pick<AttemptLimit, 'consume'>
  readonly probeMx: ProbeMx
}

interface MxTest {
  readonly provider: Provider
  /** Each as it is taken; whoever does not read them takes none. */
  readonly steps: AsyncIterable<MxStep>
}

export const testMx = operation({
  ...{ name: 'provider.test-mx', permission: 'operate', isAudited: false },
  summary: 'Test the MX of a provider, up to the first step that fails; no message is sent',
  fields: {
    name: NAMED,
    sender: optional(text(address, 'whose message it would be; by default postmaster of a domain of the provider')),
  },
  answer: { schema: listOf(the(Step)), row: ({ steps }: MxTest) => Array.fromAsync(steps, stepRow) },
  run: async ({ name: provider, sender }, deps: MxTestDeps) => ({
    provider,
    steps: await steps(provider, sender?.text, deps),
  }),
})

async function steps(provider: Provider, sender: string | undefined, deps: MxTestDeps): Promise<AsyncIterable<MxStep>> {
  if (provider.mx === null) {
    throw new Refused(
      'conflict',
      `provider ${provider.name} has no MX: postferry provider set ${provider.name} --mx HOST`,
    )
  }
  const served = (await deps.domains.list()).filter((domain) => domain.provider === provider.name)
  const domain = served[0]?.name
  if (domain === undefined) throw new Refused('conflict', `provider ${provider.name} serves no domain: add one first`)
  if (!(await deps.testLimit.consume({ person: null, client: null, provider: provider.name }))) {
    throw new Refused('unavailable', 'too many tests of this provider: try again in ten minutes')
  }
  return deps.probeMx({
    ...{ provider, host: provider.mx, sender: sender ?? `postmaster@${domain}` },
    stranger: `nobody-${randomBytes(8).toString('hex')}@${domain}`,
    isRenamed: served.some(({ name, newDomain }) => name !== newDomain),
  })
}

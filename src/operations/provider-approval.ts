import { existsSync } from 'node:fs'
import type { Endpoints } from '../keys/ports.ts'
import type { By } from '../model/audit.ts'
import { covers, type Endpoint, endpointOf, endpointText } from '../model/endpoint.ts'
import { Type } from '../model/json-schema.ts'
import type { Provider } from '../model/provider.ts'
import type { Settings } from '../settings.ts'
import { changeSelected, type Transitions } from './migration-changes.ts'
import { operation } from './operation.ts'
import type { Audit } from './ports.ts'
import { NAMED } from './providers.ts'
import { Count, orNull, Text } from './schema.ts'

// Which endpoints this host sends kept passwords to is decided on the host itself: by its commands alone.

interface ApprovalDeps {
  readonly endpoints: Endpoints
  readonly audit: Pick<Audit, 'record'>
  readonly transitions: Transitions
}

const ENDPOINT = {
  ...{ host: Text, port: Type.Integer(), tls: Text, trusts: orNull(Text), outdated: orNull(Text) },
  sieve: orNull(Type.Integer()),
}

export const approveProvider = operation({
  ...{ name: 'provider.approve', permission: 'own' },
  summary: 'Let this copying host send kept passwords to where the provider is now, and retry what had stopped for it',
  fields: { name: NAMED },
  answer: {
    schema: Type.Object({ provider: Text, ...ENDPOINT, migrations: Count }),
    row: ({ provider, endpoint, migrations }: Approved) => ({ provider: provider.name, ...endpoint, migrations }),
  },
  async run({ name: provider }, { endpoints, audit, transitions }: ApprovalDeps, by): Promise<Approved> {
    const { name } = provider
    const endpoint = endpointOf(provider)
    endpoints.approve(name, endpoint)
    await audit.record(name, { ...by, action: 'provider.approve', detail: endpointText(endpoint) })
    const stopped = { filter: { provider: name, state: 'failed', code: 'endpoint-changed' } } as const
    const { changed } = await changeSelected('retry', stopped, { transitions }, by)
    return { provider, endpoint, migrations: changed.reduce((sum, { count }) => sum + count, 0) }
  },
})

interface Approved {
  readonly provider: Provider
  readonly endpoint: Endpoint
  /** How many migrations go on. */
  readonly migrations: number
}

/** What a good test has made of the endpoint; null: this host sends no kept passwords, or all is as it was approved. */
export type Trust = { readonly approved: Endpoint; readonly isNew: boolean } | null

interface TrustDeps extends Omit<ApprovalDeps, 'transitions'> {
  readonly settings: Pick<Settings, 'identityFile'>
}

/** After a test that went well: approves the tested endpoint where this host has approved none yet. */
export async function trustTested(provider: Provider, deps: TrustDeps, by: By): Promise<Trust> {
  const { endpoints, audit, settings } = deps
  if (!existsSync(settings.identityFile)) return null
  const endpoint = endpointOf(provider)
  const approved = endpoints.approved(provider.name)
  if (approved !== null) return covers(approved, endpoint) ? null : { approved, isNew: false }
  endpoints.trust(provider.name, endpoint)
  await audit.record(provider.name, { ...by, action: 'provider.approve', detail: endpointText(endpoint) })
  return { approved: endpoint, isNew: true }
}

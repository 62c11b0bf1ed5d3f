import { covers, type Endpoint, endpointOf, endpointText } from '../model/endpoint.ts'
import type { Provider } from '../model/provider.ts'
import type { AuditLog, Credential, Endpoints, Opener } from './ports.ts'

/** A credential as it lies in the database, and whose the database says it is. */
export interface KeptCredential {
  readonly address: string
  readonly sealed: Uint8Array
  readonly provider: Provider
}

/** `why` is a sentence for people, without secrets. */
export type Opened =
  | { readonly credential: Credential; readonly refused?: undefined; readonly why?: undefined }
  | {
      readonly credential?: undefined
      readonly refused: 'credential-unopened' | 'endpoint-changed'
      readonly why: string
    }

/** The only way to a credential that is to be sent somewhere. */
export interface Keyring {
  /**
   * Opens a credential for an endpoint that this host has approved. A provider that was never approved here is approved
   * by its first use.
   * @param sentTo where it will be sent; without, where the provider is
   */
  open(kept: KeptCredential, sentTo?: Endpoint): Promise<Opened>
}

export interface KeyringDeps {
  readonly opener: Opener
  readonly endpoints: Pick<Endpoints, 'approved' | 'trust'>
  /** Where it is written that a provider was approved by its first use, and by whom. */
  readonly audit: AuditLog
  readonly actor: string
}

export function keyring({ opener, endpoints, audit, actor }: KeyringDeps): Keyring {
  return {
    async open(kept, sentTo = endpointOf(kept.provider)) {
      const { name } = kept.provider
      const before = attempt(() => endpoints.approved(name))
      const objected = objection(name, sentTo, before)
      if (objected !== null) return objected
      const opened = await openCredential({ ...kept, provider: name }, opener)
      if (opened.refused !== undefined || before !== null) return opened
      const isFirst = attempt(() => endpoints.trust(name, sentTo))
      const change = { actor, reason: null, action: 'provider.trust', detail: endpointText(sentTo) }
      if (isFirst === true) await audit.record(name, change)
      const after = isFirst instanceof Error ? isFirst : attempt(() => endpoints.approved(name))
      return objection(name, sentTo, after) ?? opened
    },
  }
}

/** Whose it is and which provider it opens is sealed with it: it can be moved to nobody else. */
export async function openCredential(
  { address, sealed, provider }: { address: string; sealed: Uint8Array; provider: string },
  opener: Opener,
): Promise<Opened> {
  // The error may hold what was opened.
  const credential = await opener.open(sealed).catch(() => null)
  if (credential === null) return unopened('the kept credential cannot be opened on this host')
  if (credential.address !== address) return unopened('the kept credential belongs to another address')
  if (credential.provider !== null && credential.provider !== provider)
    return unopened('the kept credential belongs to another provider')
  return { credential }
}

function unopened(why: string): Opened {
  return { refused: 'credential-unopened', why }
}

function objection(provider: string, endpoint: Endpoint, approved: Endpoint | Error | null): Opened | null {
  if (approved === null) return null
  if (approved instanceof Error) return { refused: 'endpoint-changed', why: approved.message }
  if (covers(approved, endpoint)) return null
  const [now, before] = [endpointText(endpoint), endpointText(approved)]
  return { refused: 'endpoint-changed', why: `provider ${provider} is at ${now}; approved on this host is ${before}` }
}

function attempt<T>(work: () => T): T | Error {
  try {
    return work()
  } catch (error) {
    return error as Error
  }
}

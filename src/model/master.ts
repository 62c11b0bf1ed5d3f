import type { Provider } from './provider.ts'

/** How a master user signs in for somebody: by one name for both, or by SASL PLAIN with both (RFC 4616, section 2). */
export const MASTER_LOGINS = ['user*master', 'user%master', 'authzid'] as const

/** What a name cannot hold. */
const BETWEEN = '\0'

/** With what the provider's master user signs in for somebody; null: the provider has none. */
export function masterUsername({ masterName, masterLogin }: Provider, person: string): string | null {
  if (masterName === null) return null
  if (masterLogin === 'authzid') return `${person}${BETWEEN}${masterName}`
  return `${person}${masterLogin === 'user*master' ? '*' : '%'}${masterName}`
}

export interface SignInNames {
  /** Whose mailbox it is, where that is not who signs in; else empty. */
  readonly authzid: string
  /** Whose password it is. */
  readonly authcid: string
}

export function signInNames(username: string): SignInNames {
  const [authzid, authcid] = username.split(BETWEEN) as [string, string?]
  return authcid === undefined ? { authzid: '', authcid: username } : { authzid, authcid }
}

import type { Provider } from './provider.ts'

/** What a copying host tells of itself. */
export interface FlippingHost {
  readonly host: string
  /** Why nobody can be flipped from there; null: people can. */
  readonly cannotFlip: string | null
}

export interface ChosenCutover {
  readonly cutover: Provider['cutover']
  readonly why: string
}

/** How people of a new provider move when nobody says it: proxied, where all that it needs is there. */
export function chosenCutover(provider: Provider, hosts: readonly FlippingHost[]): ChosenCutover {
  const flaw = flawOf(provider) ?? flawAt(hosts)
  if (flaw !== null) return { cutover: 'immediate', why: flaw }
  return { cutover: 'proxied', why: `${hosts.map(({ host }) => host).join(', ')} can flip people` }
}

function flawOf({ engine, fingerprint, caFile, tls, roles }: Provider): string | null {
  if (roles === 'map') return 'a mirror keeps the names of all folders'
  if (engine === 'offlineimap') return 'OfflineIMAP copies their mail, and only doveadm makes a mirror'
  if (tls === 'none') return 'nothing proves to Dovecot which server it hands them on to'
  if (fingerprint !== null) return 'Dovecot cannot check a fingerprint when it hands sessions on'
  if (caFile !== null) return 'Dovecot may not trust the CA file'
  return null
}

function flawAt(hosts: readonly FlippingHost[]): string | null {
  if (hosts.length === 0) return 'no "postferry sync" has told yet that it can flip people'
  const unable = hosts.find(({ cannotFlip }) => cannotFlip !== null)
  return unable === undefined ? null : `${unable.host} cannot flip people: ${unable.cannotFlip}`
}

/** So many sessions at once are a few people at work: whoever takes fewer from one address takes no proxied domain. */
export const AT_ONCE = 30

/** What was found of the connections that a provider takes at once. */
interface AtOnce {
  readonly taken: number
  /** It turned the next one away. */
  readonly isRefused: boolean
  readonly greeting: string
}

/**
 * Why its people cannot be proxied who would all come from the new server's address, and what to do; null: they can, or
 * nobody knows.
 */
export function atOnceFlaw(
  { loginAddresses }: Pick<Provider, 'loginAddresses'>,
  { taken, isRefused, greeting }: AtOnce,
): { readonly why: string; readonly remedy: string } | null {
  // A server that cannot be reached at all says nothing of that.
  if (!isRefused || taken === 0 || taken * loginAddresses >= AT_ONCE) return null
  const why = `the old server takes ${taken} connections at once from one address, and the sessions of all proxied people come from that of the new server`
  return { why, remedy: `${/courier/i.test(greeting) ? COURIER : OTHERS}; or ${ADDRESSES}` }
}

const COURIER =
  'at the old server, in /etc/courier/imapd (imapd and imapd-ssl, and pop3d where people use POP3): MAXPERIP=1000 and MAXDAEMONS=1000, and restart it'
const OTHERS = 'have the old server take more connections from the address of the new one'
const ADDRESSES =
  'have Dovecot hand them on from several addresses (login_source_ips) and say how many (--login-addresses)'

import type { EngineName, Provider } from './provider.ts'

/** What a copying host tells of itself. */
export interface FlippingHost {
  readonly host: string
  /** Why nobody can be flipped from there; null: people can. */
  readonly cannotFlip: string | null
  /** What copies mail there. */
  readonly engine: EngineName
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

/**
 * What becomes of folders that are for sent mail and such when nobody says it: where people move at once, they find it
 * where their mail program looks for it here.
 */
export function chosenRoles({ cutover, engine }: Provider, hosts: readonly FlippingHost[]): Provider['roles'] {
  const canMap = engine !== 'offlineimap' && hosts.length > 0 && hosts.every((host) => host.engine === 'doveadm')
  return cutover === 'immediate' && canMap ? 'map' : 'keep'
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

import { mostForCopying, type Provider, type TlsMode } from './provider.ts'
import { PROVIDER_ROWS, type ProviderSettings } from './provider-fields.ts'
import { Refused } from './refused.ts'

/** What somebody sets: null brings a default back, and what is not there stays. */
export type ProviderChanges = { readonly [Key in keyof ProviderSettings]?: ProviderSettings[Key] | null | undefined }

/** A provider of which everything else is as by default. @throws Refused when that does not fit together */
export function newProvider(name: string, changes: ProviderChanges & { readonly host: string }): Provider {
  const tls = changes.tls ?? 'implicit'
  const defaults = Object.fromEntries(PROVIDER_ROWS.map(([key, row]) => [key, row.default?.(tls)]))
  const settings = { ...defaults, ...set(changes, tls) } as unknown as ProviderSettings
  return fitting({ name, ...settings, refusal: null, lastTest: null })
}

export interface Confirmed {
  /** Passwords may travel in the clear from now on. */
  readonly plainText?: boolean | undefined
  readonly forgetRefusal?: boolean | undefined
}

/**
 * The provider with what is set, and everything else as it is.
 * @throws Refused when its passwords would travel in the clear from now on, and nobody said that they may
 * @throws Refused when that does not fit together
 */
export function changedProvider(
  before: Provider,
  changes: ProviderChanges,
  { plainText, forgetRefusal }: Confirmed = {},
): Provider {
  if (changes.tls === 'none' && before.tls !== 'none' && !plainText) {
    throw new Refused('invalid', 'some fields cannot be used', { tls: IN_THE_CLEAR })
  }
  const after = fitting({ ...before, ...set(changes, changes.tls ?? before.tls) })
  // What was put elsewhere would come a second time by another engine.
  if (before.roles === 'map' && after.roles === 'keep') throw new Refused('conflict', MAPPED)
  const isElsewhere = after.host !== before.host || after.port !== before.port
  return {
    ...after,
    // Another server refuses in words of its own.
    ...((isElsewhere || forgetRefusal) && { refusal: null }),
    ...(!isReachedAlike(before, after) && { lastTest: null }),
  }
}

const MAPPED = 'folders may be mapped by their roles already: roles stay map'
const IN_THE_CLEAR = 'With tls none passwords travel in the clear: confirm it with plain_text (--plain-text).'

/** Whether what a test of one found out holds for the other. */
function isReachedAlike(one: Provider, other: Provider): boolean {
  return (['host', 'port', 'tls', 'tlsMin', 'caFile', 'fingerprint'] as const).every((key) => one[key] === other[key])
}

/** Why people cannot be proxied there; null: nobody is, or they can. */
function proxyFlaw({ cutover, engine, fingerprint }: Provider): string | null {
  if (cutover !== 'proxied') return null
  if (engine === 'offlineimap')
    return 'proxied people need a mirror, which only doveadm makes: set the engine to doveadm or auto, too'
  // Dovecot would have to take any certificate.
  if (fingerprint === null) return null
  return 'Dovecot cannot check a fingerprint when it hands sessions on: trust a CA file instead (and in Dovecot, too), or stay immediate'
}

/** Why folders cannot be mapped by their roles; null: nobody wants it, or they can. */
function rolesFlaw({ roles, engine }: Provider): string | null {
  if (roles !== 'map') return null
  return engine === 'offlineimap'
    ? 'only doveadm maps folders by their roles: set the engine to doveadm or auto, too'
    : null
}

/** Why nobody can be flipped in the copying hours alone; null: nobody wants it, or they can. */
function hoursFlaw({ flip, window }: Provider): string | null {
  return flip === 'window' && window === null
    ? 'people cannot be flipped in the copying hours alone where there are none: set them (--window), or flip auto'
    : null
}

function set(changes: ProviderChanges, tls: TlsMode): Partial<ProviderSettings> {
  const given = PROVIDER_ROWS.filter(([key]) => changes[key] !== undefined)
  return Object.fromEntries(given.map(([key, row]) => [key, changes[key] ?? row.default?.(tls)]))
}

function fitting(provider: Provider): Provider {
  const { maxConnections, copyConnections } = provider
  const flaw = proxyFlaw(provider) ?? rolesFlaw(provider) ?? hoursFlaw(provider)
  if (flaw !== null) throw new Refused('conflict', flaw)
  const most = mostForCopying(maxConnections)
  if (copyConnections === null || copyConnections <= most) return provider
  throw new Refused(
    'conflict',
    `of ${maxConnections} connections copying may have ${most} at most: the others are for sign-ins`,
  )
}

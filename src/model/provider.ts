import type { Address } from './address.ts'
import type { ProviderSettings } from './provider-fields.ts'

/** How the connection to the source is protected. `starttls` never falls back to plain text. */
export const TLS_MODES = ['implicit', 'starttls', 'none'] as const
export type TlsMode = (typeof TLS_MODES)[number]

/** The oldest version of TLS that is spoken with a source. */
export const TLS_VERSIONS = ['1.0', '1.1', '1.2', '1.3'] as const
export type TlsVersion = (typeof TLS_VERSIONS)[number]

/** Versions that can be broken (RFC 8996): only servers that know no other are worth it. */
export function isOutdated(version: TlsVersion): boolean {
  return version === '1.0' || version === '1.1'
}

/** How people get from the source to the destination. */
export const CUTOVERS = ['immediate', 'proxied'] as const

/** What becomes of the source's Sieve scripts. */
export const FILTER_CHOICES = ['carry', 'leave'] as const

/** How the source names messages to POP3 programs: Dovecot's way, `uidvalidity.uid` as Cyrus, or the UID alone. */
export const POP3_UIDLS = ['dovecot', 'cyrus', 'uid'] as const
export type Pop3Uidl = (typeof POP3_UIDLS)[number]

/** Where ManageSieve is, unless somebody says otherwise (RFC 5804). */
export const MANAGESIEVE_PORT = 4190

/** When a proxied person's mailbox is flipped. */
export const FLIPS = ['auto', 'window', 'manual'] as const

/** How mail that is handed to the source travels. */
export const MX_TLS = ['verified', 'encrypted', 'none'] as const

/** What copies a person's mail. */
export const ENGINES = ['offlineimap', 'doveadm'] as const
export type EngineName = (typeof ENGINES)[number]
/** `auto`: the copying host takes doveadm where it has one that can, else OfflineIMAP. */
export const ENGINE_CHOICES = ['auto', ...ENGINES] as const

/** What the source is asked with: the full old address (`%u`) or its local part (`%n`). */
export const LOGIN_NAMES = ['%u', '%n'] as const
export type LoginName = (typeof LOGIN_NAMES)[number]

/**
 * What becomes of a person whose password is right here, and whom the source refuses when it is asked again: `admit`
 * lets them in with what is kept here, `refuse` lets the source decide as long as the password came from there.
 */
export const AFTER_REFUSALS = ['admit', 'refuse'] as const

/** Hours of a day in which mail is copied: `from` and `until` as `20:00`, over midnight too, in an IANA time zone. */
export interface CopyWindow {
  readonly from: string
  readonly until: string
  readonly zone: string
}

/** How the last connection test ended. */
export interface LastTest {
  readonly at: Date
  /** Null: it went well. */
  readonly failedStep: string | null
}

/** An old IMAP service. */
export interface Provider extends ProviderSettings {
  readonly name: string
  /** The text of the NO that refuses a password, where it was learned (`provider test`). */
  readonly refusal: string | null
  /** Null: it was not tested yet as it is now. */
  readonly lastTest: LastTest | null
}

/** The last quarter of the connections, one at least, is for sign-ins; an only one is shared. */
export function mostForCopying(maxConnections: number): number {
  return Math.max(1, maxConnections - Math.max(1, Math.ceil(maxConnections / 4)))
}

// A zone is a place: PostgreSQL reads an offset's sign the other way round, and IST as Israel's time instead of
// India's.
const PLACE = /^(?:UTC|[A-Za-z_]+\/[\w/+-]+)$/
const WINDOW = /^(?<from>(?:[01]\d|2[0-3]):[0-5]\d)-(?<until>(?:[01]\d|2[0-3]):[0-5]\d)(?: (?<zone>\S+))?$/

/** What is wrong with a text that is no window: its form, its two times that are one, or its time zone. */
export type WindowFlaw = 'form' | 'empty' | 'zone'

/** Reads `20:00-06:00 Europe/Berlin`; without a zone it is this host's. */
export function parseWindow(text: string): CopyWindow | WindowFlaw {
  const { from, until, zone } = WINDOW.exec(text)?.groups ?? {}
  if (from === undefined || until === undefined) return 'form'
  if (from === until) return 'empty'
  if (zone !== undefined && !PLACE.test(zone)) return 'zone'
  try {
    const { timeZone } = new Intl.DateTimeFormat('en', zone === undefined ? {} : { timeZone: zone }).resolvedOptions()
    // As it was given: the name that Node makes of it may be an older one (Asia/Calcutta), which not every database
    // has.
    return { from, until, zone: zone ?? timeZone }
  } catch {
    return 'zone'
  }
}

export function windowText(window: CopyWindow | null): string | null {
  return window && `${window.from}-${window.until} ${window.zone}`
}

/** The user name that source knows a person by. */
export function oldUsername(provider: Provider, atSource: Address): string {
  return provider.loginName === '%n' ? atSource.local : atSource.text
}

/** What is dangerous about a provider as it is set; null: nothing. */
export function warningOf({ tls, tlsMin, filters, sievePort }: Provider): string | null {
  if (tls === 'none') {
    if (filters === 'leave') return null
    return `passwords travel in the clear to ManageSieve, too (filters, port ${sievePort ?? MANAGESIEVE_PORT})`
  }
  return isOutdated(tlsMin) ? outdatedText(tlsMin) : null
}

function outdatedText(tlsMin: TlsVersion): string {
  return `TLS ${tlsMin} is allowed: who is on the way can break it, and read passwords and mail`
}

/** A mailbox at the source. */
export interface OldMailbox {
  readonly provider: Pick<Provider, 'name'>
  readonly oldDomain: string
  readonly oldUsername: string
}

/** Whether both are one person's: of one domain, or by one name at one provider. */
export function isSameMailbox(one: OldMailbox, other: OldMailbox): boolean {
  if (one.oldDomain === other.oldDomain) return true
  return one.provider.name === other.provider.name && one.oldUsername === other.oldUsername
}

import type { Address } from './address.ts'

/** How the connection to the source is protected. `starttls` never falls back to plain text. */
export const TLS_MODES = ['implicit', 'starttls', 'none'] as const
export type TlsMode = (typeof TLS_MODES)[number]

/** How people get from the source to the destination. */
export const CUTOVERS = ['immediate', 'proxied'] as const
export type Cutover = (typeof CUTOVERS)[number]

/** What the source is asked with: the full old address (`%u`) or its local part (`%n`). */
export const LOGIN_NAMES = ['%u', '%n'] as const
export type LoginName = (typeof LOGIN_NAMES)[number]

/**
 * What becomes of a person whose password is right here, and whom the source refuses when it is asked again: `admit`
 * lets them in with what is kept here, `refuse` lets the source decide as long as the password came from there.
 */
export const AFTER_REFUSALS = ['admit', 'refuse'] as const
export type AfterRefusal = (typeof AFTER_REFUSALS)[number]

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
export interface Provider {
  readonly name: string
  readonly host: string
  readonly port: number
  readonly tls: TlsMode
  /** Absolute path of a PEM file whose certificates are trusted instead of the system's. */
  readonly caFile: string | null
  /** SHA-256 of the source's certificate, 64 lower-case hex digits. When set, it alone decides. */
  readonly fingerprint: string | null
  /** For sign-ins and copying, from all hosts together. */
  readonly maxConnections: number
  /** So many of them copying may have at a time; null: as many as are not kept for sign-ins. */
  readonly copyConnections: number | null
  readonly loginName: LoginName
  readonly cutover: Cutover
  /** The text of the NO that refuses a password, where it was learned (`provider test`). */
  readonly refusal: string | null
  /** Whether the source is told the client's address (IMAP ID `x-originating-ip`); it has to trust us. */
  readonly forwardsClient: boolean
  /** Whether the next sign-in of a person whose migration is finished opens it again. */
  readonly reopens: boolean
  readonly afterRefusal: AfterRefusal
  /** When mail is copied; null: at any hour. Sign-ins are asked at any hour. */
  readonly window: CopyWindow | null
  /** Mailboxes to copy, as IMAP LIST patterns (RFC 3501, section 6.3.8); empty: all. */
  readonly include: readonly string[]
  /** Mailboxes to leave out, as IMAP LIST patterns. */
  readonly exclude: readonly string[]
  /** Null: it was not tested yet as it is now. */
  readonly lastTest: LastTest | null
}

const USUAL_PORT: Readonly<Record<TlsMode, number>> = { implicit: 993, starttls: 143, none: 143 }

/** A provider of which nothing is known but its place. */
export function usualProvider(name: string, host: string, tls: TlsMode = 'implicit'): Provider {
  return {
    ...{ name, host, tls, port: USUAL_PORT[tls], caFile: null, fingerprint: null },
    ...{ maxConnections: 20, copyConnections: null, loginName: '%u', cutover: 'immediate', refusal: null },
    ...{ forwardsClient: false, reopens: false, afterRefusal: 'admit', window: null, include: [], exclude: [] },
    lastTest: null,
  }
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

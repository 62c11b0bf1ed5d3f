import {
  isOutdated,
  MANAGESIEVE_PORT,
  type Provider,
  TLS_MODES,
  TLS_VERSIONS,
  type TlsMode,
  type TlsVersion,
} from './provider.ts'

/** Where credentials are sent, and what proves that it is the right server. */
export interface Endpoint {
  readonly host: string
  readonly port: number
  readonly tls: TlsMode
  /** `sha256:` with the fingerprint of the one certificate, or the path of a CA file; null: the system's, or no TLS. */
  readonly trusts: string | null
  /** The oldest version of TLS, where that can be broken; null: it cannot. */
  readonly outdated: TlsVersion | null
  /** The port at which filters are read, where that is not the one of ManageSieve (RFC 5804); null: there, or nowhere. */
  readonly sieve: number | null
}

export function endpointOf(provider: Provider): Endpoint {
  const { host, port, tls, tlsMin, caFile, fingerprint, filters, sievePort } = provider
  const sieve = filters === 'leave' || sievePort === MANAGESIEVE_PORT ? null : sievePort
  if (tls === 'none') return { host, port, tls, trusts: null, outdated: null, sieve }
  // A pinned fingerprint alone decides.
  const trusts = fingerprint === null ? caFile : `sha256:${fingerprint}`
  return { host, port, tls, trusts, outdated: isOutdated(tlsMin) ? tlsMin : null, sieve }
}

/** Whether who has approved one has approved the other. */
export function covers(approved: Endpoint, other: Endpoint): boolean {
  const isSieveCovered = other.sieve === null || other.sieve === approved.sieve
  return isSieveCovered && KEYS.every((key) => approved[key] === other[key])
}

const KEYS = ['host', 'port', 'tls', 'trusts', 'outdated'] as const

/** For people. */
export function endpointText({ host, port, tls, trusts, outdated, sieve }: Endpoint): string {
  const filters = sieve === null ? '' : `, and its ManageSieve on port ${sieve}`
  if (tls === 'none') return `${host} port ${port} in plain text${filters}`
  const version = outdated === null ? '' : ` (${outdated} too, which can be broken)`
  return `${host} port ${port} with ${TLS_TITLES[tls]}${version}, trusting ${trusts ?? "the system's certificates"}${filters}`
}

const TLS_TITLES = { implicit: 'TLS', starttls: 'STARTTLS' } as const

/** Reads JSON; null: it is no endpoint. */
export function parseEndpoint(text: string): Endpoint | null {
  const { host, port, tls, trusts, outdated = null, sieve = null } = fieldsOf(text)
  const mode = TLS_MODES.find((known) => known === tls)
  if (typeof host !== 'string' || !Number.isInteger(port) || mode === undefined) return null
  if (trusts !== null && typeof trusts !== 'string') return null
  if (sieve !== null && !Number.isInteger(sieve)) return null
  const version = TLS_VERSIONS.find((known) => known === outdated) ?? null
  if (version !== outdated) return null
  return { host, port: port as number, tls: mode, trusts, outdated: version, sieve: sieve as number | null }
}

function fieldsOf(text: string): Partial<Record<keyof Endpoint, unknown>> {
  try {
    return JSON.parse(text) ?? {}
  } catch {
    return {}
  }
}

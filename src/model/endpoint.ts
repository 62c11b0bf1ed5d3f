import { isOutdated, type Provider, TLS_MODES, TLS_VERSIONS, type TlsMode, type TlsVersion } from './provider.ts'

/** Where credentials are sent, and what proves that it is the right server. */
export interface Endpoint {
  readonly host: string
  readonly port: number
  readonly tls: TlsMode
  /** `sha256:` with the fingerprint of the one certificate, or the path of a CA file; null: the system's, or no TLS. */
  readonly trusts: string | null
  /** The oldest version of TLS, where that can be broken; null: it cannot. */
  readonly outdated: TlsVersion | null
}

export function endpointOf({ host, port, tls, tlsMin, caFile, fingerprint }: Provider): Endpoint {
  if (tls === 'none') return { host, port, tls, trusts: null, outdated: null }
  // A pinned fingerprint alone decides.
  const trusts = fingerprint === null ? caFile : `sha256:${fingerprint}`
  return { host, port, tls, trusts, outdated: isOutdated(tlsMin) ? tlsMin : null }
}

export function isSameEndpoint(one: Endpoint, other: Endpoint): boolean {
  return KEYS.every((key) => one[key] === other[key])
}

const KEYS = ['host', 'port', 'tls', 'trusts', 'outdated'] as const

/** For people. */
export function endpointText({ host, port, tls, trusts, outdated }: Endpoint): string {
  if (tls === 'none') return `${host} port ${port} in plain text`
  const version = outdated === null ? '' : ` (${outdated} too, which can be broken)`
  return `${host} port ${port} with ${TLS_TITLES[tls]}${version}, trusting ${trusts ?? "the system's certificates"}`
}

const TLS_TITLES = { implicit: 'TLS', starttls: 'STARTTLS' } as const

/** Reads JSON; null: it is no endpoint. */
export function parseEndpoint(text: string): Endpoint | null {
  const { host, port, tls, trusts, outdated = null } = fieldsOf(text)
  const mode = TLS_MODES.find((known) => known === tls)
  if (typeof host !== 'string' || !Number.isInteger(port) || mode === undefined) return null
  if (trusts !== null && typeof trusts !== 'string') return null
  const version = TLS_VERSIONS.find((known) => known === outdated) ?? null
  if (version !== outdated) return null
  return { host, port: port as number, tls: mode, trusts, outdated: version }
}

function fieldsOf(text: string): Partial<Record<keyof Endpoint, unknown>> {
  try {
    return JSON.parse(text) ?? {}
  } catch {
    return {}
  }
}

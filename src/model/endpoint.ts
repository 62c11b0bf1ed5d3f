import { type Provider, TLS_MODES, type TlsMode } from './provider.ts'

/** Where credentials are sent, and what proves that it is the right server. */
export interface Endpoint {
  readonly host: string
  readonly port: number
  readonly tls: TlsMode
  /** `sha256:` with the fingerprint of the one certificate, or the path of a CA file; null: the system's, or no TLS. */
  readonly trusts: string | null
}

export function endpointOf({ host, port, tls, caFile, fingerprint }: Provider): Endpoint {
  if (tls === 'none') return { host, port, tls, trusts: null }
  // A pinned fingerprint alone decides.
  return { host, port, tls, trusts: fingerprint === null ? caFile : `sha256:${fingerprint}` }
}

export function isSameEndpoint(one: Endpoint, other: Endpoint): boolean {
  return one.host === other.host && one.port === other.port && one.tls === other.tls && one.trusts === other.trusts
}

/** For people. */
export function endpointText({ host, port, tls, trusts }: Endpoint): string {
  if (tls === 'none') return `${host} port ${port} in plain text`
  return `${host} port ${port} with ${TLS_TITLES[tls]}, trusting ${trusts ?? "the system's certificates"}`
}

const TLS_TITLES = { implicit: 'TLS', starttls: 'STARTTLS' } as const

/** Reads JSON; null: it is no endpoint. */
export function parseEndpoint(text: string): Endpoint | null {
  const { host, port, tls, trusts } = fieldsOf(text)
  const mode = TLS_MODES.find((known) => known === tls)
  if (typeof host !== 'string' || !Number.isInteger(port) || mode === undefined) return null
  if (trusts !== null && typeof trusts !== 'string') return null
  return { host, port: port as number, tls: mode, trusts }
}

function fieldsOf(text: string): Partial<Record<keyof Endpoint, unknown>> {
  try {
    return JSON.parse(text) ?? {}
  } catch {
    return {}
  }
}

import { CONNECTIONS_LIMIT } from './auth/overload.ts'

/**
 * What a connection may cost. The longest line that Dovecot takes a password from has 8 KB, six times as long at worst
 * in JSON.
 */
const BODY_LIMIT = 64 * 1024
const HEADERS_LIMIT = 8 * 1024

/** From the first byte of a request to its last; also from the connection to its first request. */
const REQUEST_LIMIT_MS = 10_000
/** How often Node looks for requests that are over their time; its own 30 s would let them have 40. */
const CHECK_INTERVAL_MS = 1_000

/** A client that does not read its answer. Longer than any answer takes. */
const SILENCE_LIMIT_MS = 120_000

/** Longer than the 60 s of most reverse proxies: else they would ask on a connection that is just being closed. */
const IDLE_LIMIT_MS = 72_000

/** The limits of a listener, for Fastify and for Node's server beneath it. */
export const LIMITS = {
  bodyLimit: BODY_LIMIT,
  requestTimeout: REQUEST_LIMIT_MS,
  connectionTimeout: SILENCE_LIMIT_MS,
  keepAliveTimeout: IDLE_LIMIT_MS,
  // A mail address in a path, each of its characters escaped.
  routerOptions: { maxParamLength: 1_024 },
  http: {
    maxHeaderSize: HEADERS_LIMIT,
    headersTimeout: REQUEST_LIMIT_MS,
    requestTimeout: REQUEST_LIMIT_MS,
    connectionsCheckingInterval: CHECK_INTERVAL_MS,
  },
}

export function limitConnections(server: { maxConnections?: number }): void {
  server.maxConnections = CONNECTIONS_LIMIT
}

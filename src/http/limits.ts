import { CONNECTIONS_LIMIT } from './auth/overload.ts'

/**
 * What a connection may cost. The longest line that Dovecot takes a password from has 8 KB, six times as long at worst
 * in JSON: more is nobody's question.
 */
const BODY_LIMIT = 64 * 1024
const HEADERS_LIMIT = 8 * 1024

/** From the first byte to the last one of a question; also from the connection to its first question. */
const QUESTION_LIMIT_MS = 10_000
/** Node looks for questions that are over their time as often as this; its own 30 s would let them have 40. */
const CHECK_INTERVAL_MS = 1_000

/** A client that does not read its answer. Longer than any answer takes. */
const SILENCE_LIMIT_MS = 120_000

/** Longer than the 60 s of most reverse proxies, which would else ask on a connection that is just being closed. */
const IDLE_LIMIT_MS = 72_000

/** The limits of a door, for Fastify and for Node's server beneath it. */
export const LIMITS = {
  bodyLimit: BODY_LIMIT,
  requestTimeout: QUESTION_LIMIT_MS,
  connectionTimeout: SILENCE_LIMIT_MS,
  keepAliveTimeout: IDLE_LIMIT_MS,
  // A mail address in a path, each of its characters escaped.
  routerOptions: { maxParamLength: 1_024 },
  http: {
    maxHeaderSize: HEADERS_LIMIT,
    headersTimeout: QUESTION_LIMIT_MS,
    requestTimeout: QUESTION_LIMIT_MS,
    connectionsCheckingInterval: CHECK_INTERVAL_MS,
  },
}

export function limitConnections(server: { maxConnections?: number }): void {
  server.maxConnections = CONNECTIONS_LIMIT
}

import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import Fastify, { type FastifyError, type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import type { Logger } from 'pino'
import type { Auth } from '../auth/auth.ts'
import { isLoopback } from '../model/network.ts'
import type { ProviderStatus } from '../source/ports.ts'
import { type DeliveryOf, delivery } from './auth/delivery.ts'
import { shedUnderPressure } from './auth/overload.ts'
import { passdb } from './auth/passdb.ts'
import { describeRefusals } from './auth/refusals.ts'
import { userdb } from './auth/userdb.ts'
import { clientOf } from './client-address.ts'
import { type Check, health } from './health.ts'
import { speakJson } from './json.ts'
import { requireKnownHost } from './known-host.ts'
import { LIMITS, limitConnections } from './limits.ts'
import type { Metrics } from './metrics.ts'
import type { Look } from './standing-gauges.ts'
import { requireToken } from './token.ts'

/** What every listener needs. */
export interface HttpDeps {
  readonly auth: Auth
  readonly deliveryOf: DeliveryOf
  /** How the providers' connections are used in this process. */
  providerStatus(): readonly ProviderStatus[]
  readonly standing: Look
  readonly checks: Record<string, Check>
  readonly metrics: Metrics
  readonly log: Logger
  /** What lets an administrator call this host by any name. */
  readonly adminToken: string
  /** Networks of webmails and proxies: their addresses are nobody's client. */
  readonly proxyNetworks: readonly string[]
}

/** One listener: a socket or a port. */
export interface HttpListener extends HttpDeps {
  /** What Dovecot has to show; null where the socket's file mode guards it. */
  readonly authToken: string | null
  /** What this host may be called on TCP; null where nobody can call it by a name. */
  readonly hostNames: readonly string[] | null
  /** Called before the first route is made. */
  readonly prepare?: (app: FastifyInstance) => void
}

/** The app of a listener, not listening yet. */
export function httpListener(listener: HttpListener): FastifyInstance {
  const { auth, deliveryOf, providerStatus, standing, checks, metrics, log } = listener
  const { authToken, adminToken, hostNames, proxyNetworks, prepare } = listener
  // Without a logger of its own Fastify makes none for each request.
  const app = Fastify({
    ...LIMITS,
    forceCloseConnections: 'idle',
    // Only a reverse proxy on this host may say for whom it asks.
    trustProxy: isThisHost,
    // A password that is a JSON number is a malformed request, not a string.
    ajv: { customOptions: { coerceTypes: false } },
    frameworkErrors: tellUnreadable,
  })
  limitConnections(app.server)
  speakJson(app)
  // The schemas describe the answers. A serializer of its own for each would take 40 MB.
  app.setSerializerCompiler(() => JSON.stringify)
  tellErrorsShortly(app, log)
  if (hostNames !== null) app.addHook('onRequest', requireKnownHost(hostNames, [authToken, adminToken]))
  prepare?.(app)
  app.register(health, { checks, metrics, providerStatus, standing, authToken })
  app.register(async (guarded) => {
    if (authToken !== null) guarded.addHook('onRequest', requireToken(authToken, 'auth'))
    guarded.addHook('onRoute', describeRefusals)
    await shedUnderPressure(guarded, (path) => metrics.shed(SHED[path] ?? 'passdb'))
    guarded.withTypeProvider<TypeBoxTypeProvider>().register(passdb, {
      ...{ auth, metrics, log },
      clientOf: clientOf(proxyNetworks),
    })
    guarded.withTypeProvider<TypeBoxTypeProvider>().register(userdb, { auth, metrics, log })
    guarded.withTypeProvider<TypeBoxTypeProvider>().register(delivery, { deliveryOf, metrics, log })
  })
  return app
}

const SHED: Readonly<Record<string, 'userdb' | 'delivery'>> = { '/v1/userdb': 'userdb', '/v1/delivery': 'delivery' }

/** A Unix socket has no address. */
function isThisHost(address: string | undefined): boolean {
  return address === undefined || isLoopback(address)
}

/** A path that has no route: its escapes are no UTF-8, or a part of it is too long. */
function tellUnreadable({ statusCode = 400 }: FastifyError, _: FastifyRequest, reply: FastifyReply): void {
  reply.code(statusCode).send({ error: statusCode === 414 ? 'the path is too long' : 'the path is not UTF-8' })
}

/** An error's body says what was wrong with the request, and repeats nothing of it. */
function tellErrorsShortly(app: FastifyInstance, log: Logger): void {
  app.setErrorHandler((error: FastifyError, _, reply) => {
    const status = error.statusCode ?? 500
    if (status >= 500) log.error({ cause: error.message }, 'http')
    return reply.code(status).send({ error: status >= 500 ? 'internal' : error.message })
  })
  app.setNotFoundHandler((_, reply) => reply.code(404).send({ error: 'no such page' }))
}

import type { FastifyPluginAsync, FastifyReply } from 'fastify'
import type { Logger } from 'pino'
import type { Auth } from '../../auth/auth.ts'
import { keyedDigest } from '../../auth/keyed-digest.ts'
import { parseAddress } from '../../model/address.ts'
import { type JsonSchema, Type } from '../../model/json-schema.ts'
import { networkOf } from '../../model/network.ts'
import { type Ok, tempfail, type Verdict } from '../../model/verdict.ts'
import type { ClientOf } from '../client-address.ts'
import type { Metrics } from '../metrics.ts'
import { onlyStrings, passdbFields, sessionFields } from './extra-fields.ts'
import { REQUESTS_LIMIT, shed, tryLater } from './overload.ts'

/** The field names are those of mailcow's Lua passdb. */
interface PassdbRequest {
  readonly username: string
  readonly password: string
  readonly service?: unknown
  readonly real_rip?: unknown
  readonly session?: unknown
}

const REQUEST = Type.Object({
  username: Type.String(),
  password: Type.String(),
  // Whatever stands in these, it makes no request malformed.
  service: Type.Optional(Type.Unknown()),
  real_rip: Type.Optional(Type.Unknown()),
  session: Type.Optional(Type.Unknown()),
  secured: Type.Optional(Type.Unknown()),
})

const no = (...verdicts: readonly string[]) =>
  Type.Object({ success: Type.Literal(false), verdict: Type.Enum(verdicts) })
export const ANSWERS: Readonly<Record<number, JsonSchema>> = {
  200: Type.Object({
    ...{ success: Type.Literal(true), verdict: Type.Literal('ok'), user: Type.String() },
    fields: Type.Record(Type.String(), { description: "Dovecot's extra fields" }),
  }),
  401: no('mismatch'),
  403: Type.Union([no('disabled', 'expired'), Type.Object({ error: Type.String() })]),
  503: Type.Object({ ...no('tempfail').properties, code: Type.String() }),
}
const SCHEMA = {
  summary: 'May this person in? An answer without a verdict means: try again',
  tags: ['auth'],
  security: [{ authToken: [] }],
  body: REQUEST,
  response: ANSWERS,
}

const STATUS = { mismatch: 401, disabled: 403, expired: 403 } as const
const CHECKPASSWORD = 'postferry-checkpassword'
const LOGGED_LENGTH = 100
const DIGEST_LENGTH = 12

/** `POST /v1/passdb`: may this person in? */
export const passdb: FastifyPluginAsync<{
  auth: Auth
  metrics: Metrics
  log: Logger
  clientOf: ClientOf
}> = async (app, { auth, metrics, log, clientOf }) => {
  // No await stands in here: an answer from the cache costs hardly more than its route.
  app.post<{ Body: PassdbRequest }>('/v1/passdb', { schema: SCHEMA }, ({ body, headers }, reply) => {
    if (metrics.inFlight >= REQUESTS_LIMIT) {
      metrics.shed('passdb')
      return shed(reply)
    }
    let workedSince: number | null = null
    const { username, password } = body
    const client = clientOf(body.real_rip)
    const onGone = (gone: () => void) => {
      workedSince = performance.now()
      callWhenGone(reply, gone)
    }
    const respond = (decided: Verdict) => {
      const { verdict, text } = worded(decided, body.service)
      metrics.inFlight--
      const way = headers['user-agent'] === CHECKPASSWORD ? 'checkpassword' : 'http'
      metrics.answered(way, verdict, workedSince)
      logVerdict(log, verdict, { ...body, client })
      return answer(reply, verdict).type('application/json; charset=utf-8').send(text)
    }
    metrics.inFlight++
    return auth
      .login({ username, password, clientAddress: client, isSession: isSession(body.service), onGone })
      .then(respond, (cause) => respond(tempfail('internal', cause)))
  })
}

/** Calls back when the connection ends before its answer was sent. */
function callWhenGone({ raw }: FastifyReply, gone: () => void): void {
  if (raw.destroyed) gone()
  else raw.once('close', () => raw.writableFinished || gone())
}

function answer(reply: FastifyReply, { verdict }: Verdict): FastifyReply {
  if (verdict === 'ok') return reply
  return verdict === 'tempfail' ? tryLater(reply) : reply.code(STATUS[verdict])
}

/** A verdict as JSON; one that cannot be written is a fault of ours. */
function worded(verdict: Verdict, service: unknown): { readonly verdict: Verdict; readonly text: string } {
  try {
    return { verdict, text: verdict.verdict === 'ok' ? welcome(verdict, service) : refusal(verdict) }
  } catch (cause) {
    const trouble = tempfail('internal', cause)
    return { verdict: trouble, text: refusal(trouble) }
  }
}

function refusal(verdict: Exclude<Verdict, Ok>): string {
  const code = verdict.verdict === 'tempfail' ? { code: verdict.code } : {}
  return JSON.stringify({ success: false, verdict: verdict.verdict, ...code })
}

function welcome({ account, route }: Ok, service: unknown): string {
  const fields = route?.to === 'source' ? sessionFields(route, service) : passdbFields(account)
  return JSON.stringify({ success: true, verdict: 'ok', ...onlyStrings(account.address, fields) })
}

/** Mail is sent by the new server, from the first sign-in on: whoever signs in for that goes nowhere else. */
const SENDING: readonly unknown[] = ['smtp', 'submission']

function isSession(service: unknown): boolean {
  return !SENDING.includes(service)
}

interface Login {
  readonly username: string
  readonly client: string | null
  readonly service?: unknown
  readonly session?: unknown
}

function logVerdict(log: Logger, verdict: Verdict, { username, client, service, session }: Login): void {
  const asked = { verdict: verdict.verdict, service: short(service), session: short(session) }
  // Dovecot's own log tells of every yes, and who comes every few minutes would fill ours.
  if (verdict.verdict === 'ok') log.debug(asked, 'passdb')
  else if (verdict.verdict === 'tempfail') {
    log.info({ ...asked, code: verdict.code, cause: causeOf(verdict.cause) }, 'passdb')
  } else log.info({ ...asked, ...guesser(username, client) }, 'passdb')
}

const personDigest = keyedDigest()

/** Which network guesses whose password; persons only as digests: what is typed by mistake may be a password. */
function guesser(username: string, client: string | null) {
  const person = personDigest(parseAddress(username)?.text ?? username).slice(0, DIGEST_LENGTH)
  return client === null ? { person } : { person, client: networkOf(client) ?? client }
}

/** What Dovecot says for the log, unless it is too long. */
function short(value: unknown): string | undefined {
  return typeof value === 'string' && value.length <= LOGGED_LENGTH ? value : undefined
}

/** The cause without what a server said: its text could repeat the password. */
function causeOf(cause: unknown): string {
  if (!(cause instanceof Error)) return ''
  return 'responseStatus' in cause ? `the old server said ${cause.responseStatus}` : cause.message
}

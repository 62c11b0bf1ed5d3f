import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import type { Account } from '../../model/account.ts'
import type { Verdict } from '../../model/verdict.ts'
import { passdbFields, userdbFields } from './extra-fields.ts'
import type { Metrics } from './metrics.ts'

/** What the passdb and userdb doors ask. */
export interface Asked {
  signIn(question: { username: string; password: string }): Promise<Verdict>
  lookUp(username: string): Promise<Account | null>
}

// The field names are those of mailcow's Lua passdb.
const Question = Type.Object({
  username: Type.String(),
  password: Type.String(),
  // For the log only: whatever stands there, it does not decide about the person.
  service: Type.Optional(Type.Unknown()),
  real_rip: Type.Optional(Type.Unknown()),
  session: Type.Optional(Type.Unknown()),
  secured: Type.Optional(Type.Unknown()),
})

const STATUS = { ok: 200, mismatch: 401, disabled: 403, expired: 403, tempfail: 503 } as const
const RETRY_AFTER_S = '5'

/** `POST /v1/passdb` and `POST /v1/userdb`: Dovecot's questions about a person. */
export const passdb: FastifyPluginAsyncTypebox<{ asked: Asked; metrics: Metrics }> = async (
  app,
  { asked, metrics },
) => {
  app.post('/v1/passdb', { schema: { body: Question } }, async (request, reply) => {
    const { username, password, service, session } = request.body
    const stop = metrics.passdbSeconds.startTimer()
    const verdict = await asked.signIn({ username, password })
    stop()
    const code = verdict.verdict === 'tempfail' ? verdict.code : ''
    metrics.verdicts.inc({ verdict: verdict.verdict, code })
    request.log.info(
      { verdict: verdict.verdict, ...(code && { code, cause: causeOf(verdict) }), service, session },
      'passdb',
    )
    if (verdict.verdict === 'tempfail') reply.header('retry-after', RETRY_AFTER_S)
    return reply.code(STATUS[verdict.verdict]).send(bodyOf(verdict))
  })

  app.post('/v1/userdb', { schema: { body: Type.Object({ username: Type.String() }) } }, async (request, reply) => {
    try {
      const account = await asked.lookUp(request.body.username)
      if (account === null) return await reply.code(404).send({ found: false })
      // Dovecot goes on with the one right spelling of the address.
      return { found: true, fields: { user: account.address, ...userdbFields(account) } }
    } catch (cause) {
      request.log.warn({ cause: String(cause) }, 'userdb')
      return reply.code(503).header('retry-after', RETRY_AFTER_S).send({ code: 'database' })
    }
  })
}

function bodyOf(verdict: Verdict): object {
  switch (verdict.verdict) {
    case 'ok': {
      const { account } = verdict
      return { success: true, verdict: 'ok', user: account.address, fields: passdbFields(account) }
    }
    case 'tempfail':
      return { success: false, verdict: 'tempfail', code: verdict.code }
    default:
      return { success: false, verdict: verdict.verdict }
  }
}

/** The cause without what a server said: its text could repeat the password. */
function causeOf(verdict: Verdict): string {
  const cause = verdict.verdict === 'tempfail' ? verdict.cause : undefined
  if (!(cause instanceof Error)) return ''
  return 'responseStatus' in cause ? `OLD said ${cause.responseStatus}` : cause.message
}

import { parseAddress } from '../model/address.ts'
import type { SessionRoute } from '../model/session-route.ts'
import { MISMATCH, type Ok, tempfail, type Verdict } from '../model/verdict.ts'
import type { AuthCache } from './auth-cache.ts'
import { authenticate } from './authenticate.ts'
import { coalesce, type OnGone } from './coalesce.ts'
import { FailureDelay } from './failure-delay.ts'
import type { AuthDeps, LoginAttempt } from './ports.ts'
import { penalize } from './provision.ts'
import { codeOf, Unavailable } from './unavailable.ts'

const HERE = { to: 'destination' } as const

/** A login as an interface asks about it. */
export interface LoginRequest {
  readonly username: string
  readonly password: string
  /** IP address of the person's client; null: unknown. */
  readonly clientAddress: string | null
  /** A session follows, which may have to go to the old server. */
  readonly isSession: boolean
  /** Calls back when nobody waits for the answer any more. Asked for only when the answer takes work. */
  readonly onGone: OnGone
}

export interface LoginDeps extends AuthDeps {
  readonly authCache: AuthCache
  /** How long an answer may take. */
  readonly answerLimitMs: number
  /** Where the person's sessions go; `held`: a flip keeps them waiting for too long. @throws Unavailable */
  sessionRoute(address: string): Promise<SessionRoute | 'held'>
}

/**
 * Answers logins: from the auth cache, or by `authenticate`, identical ones together. A refusal takes as long as others
 * at that provider; only what is in the cache is refused at once, which tells no more than that it was refused before.
 */
export function answerLogins(deps: LoginDeps): (request: LoginRequest) => Promise<Verdict> {
  const decideOnce = coalesce()
  const failureDelay = new FailureDelay()

  async function decide(key: string, attempt: LoginAttempt): Promise<Verdict> {
    const startedAt = performance.now()
    const record = deps.authCache.recorder(key)
    let provider: string | null = null
    const onProvider = (name: string) => {
      provider = name
    }
    const verdict = await authenticate({ ...attempt, onProvider }, deps)
    if (verdict.verdict === 'mismatch') {
      // The first refusal has no other to be like: it takes at least the time of a password check.
      if (failureDelay.isUnknown(provider)) await deps.hasher.verify(null, '').catch(() => undefined)
      await failureDelay.hold(provider, startedAt, attempt.signal)
    }
    record(verdict)
    await noteVisit(verdict, attempt.clientAddress)
    return verdict
  }

  /** Noted or not: the person is in. */
  async function noteVisit(verdict: Verdict, client: string | null): Promise<void> {
    if (verdict.verdict !== 'ok' || client === null) return
    await deps.fromDatabase(deps.visits.note(verdict.account.address, client)).catch(() => undefined)
  }

  /**
   * The route is read for each answer. Only that somebody is here is remembered: whoever would lead them back makes each
   * service forget it first.
   */
  async function routed(ok: Ok, key: string): Promise<Verdict> {
    const refine = deps.authCache.refiner(key)
    try {
      const route = await deps.sessionRoute(ok.account.address)
      if (route === 'held') return tempfail('held')
      if (route.to === 'source') return { ...ok, route }
      // Who waited in a hold was let in before it, and the flip has changed the account since.
      const { account = ok.account } = route
      const routed = { ...ok, account, route: HERE }
      refine(ok, routed)
      return routed
    } catch (cause) {
      return cause instanceof Unavailable ? tempfail(cause.code, cause.cause) : tempfail(codeOf(cause), cause)
    }
  }

  return async ({ username, password, clientAddress, isSession, onGone }) => {
    const address = parseAddress(username)
    const passwordDigest = deps.digest(password)
    const key = `${passwordDigest} ${address?.text ?? deps.digest(username)}`
    const cached = deps.authCache.get(key)
    if (cached === MISMATCH) await penalize({ person: null, client: clientAddress, provider: null }, deps)
    const verdict =
      cached ??
      (await decideOnce(key, onGone, (gone) => {
        const signal = AbortSignal.any([gone, AbortSignal.timeout(deps.answerLimitMs)])
        return decide(key, { address, password, passwordDigest, clientAddress, signal })
      }))
    if (verdict.verdict !== 'ok' || !isSession || verdict.route !== undefined) return verdict
    return await routed(verdict, key)
  }
}

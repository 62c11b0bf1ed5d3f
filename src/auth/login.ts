import { parseAddress } from '../model/address.ts'
import { MISMATCH, type Verdict } from '../model/verdict.ts'
import type { NegativeCache, PositiveCache } from './auth-cache.ts'
import { authenticate, type Deps } from './authenticate.ts'
import { coalesce, type OnGone } from './coalesce.ts'
import { FailureDelay } from './failure-delay.ts'
import { during } from './unavailable.ts'

/** A person's sign-in, as a door asks about it. */
export interface Question {
  readonly username: string
  readonly password: string
  /** IP address of the person's client; null when the door does not say. */
  readonly clientAddress: string | null
  /** Calls back when nobody waits for the answer any more. Asked for only when the answer takes work. */
  readonly onGone: OnGone
}

export interface SignInLimits {
  /** The whole time for an answer. */
  readonly answerLimitMs: number
  readonly successes: PositiveCache
  /** What was refused just now, as it was typed. */
  readonly repeats: NegativeCache
}

/**
 * The way of a sign-in: a question that was answered yes lately is answered so again; identical ones are decided
 * together; what is decided, `authenticate` decides; and a refusal takes the time of any other at that provider. Only
 * the repeated guess is refused at once: that tells nothing but that it was refused before.
 */
export function signIn(
  deps: Deps,
  { answerLimitMs, successes, repeats }: SignInLimits,
): (question: Question) => Promise<Verdict> {
  const decideOnce = coalesce()
  const even = new FailureDelay()

  async function decide(question: Question, asTyped: string, gone: AbortSignal): Promise<Verdict> {
    const startedAt = performance.now()
    const signal = AbortSignal.any([gone, AbortSignal.timeout(answerLimitMs)])
    const record = successes.recorder(asTyped)
    const refused = repeats.recorder(asTyped)
    let provider: string | null = null
    const onProvider = (name: string) => {
      provider = name
    }
    const verdict = await authenticate({ ...question, signal, onProvider }, deps)
    if (verdict.verdict === 'mismatch') {
      // The first refusal has none to be like: it takes at least the time of a password check.
      if (even.isUnknown(provider)) await deps.hasher.verify(null, '').catch(() => undefined)
      await even.hold(provider, startedAt, signal)
      refused()
    }
    record(verdict)
    await noteVisit(verdict, question.clientAddress)
    return verdict
  }

  /** Noted or not: the person is in. */
  async function noteVisit(verdict: Verdict, client: string | null): Promise<void> {
    if (verdict.verdict !== 'ok' || client === null) return
    await during('database', deps.visits.note(verdict.account.address, client)).catch(() => undefined)
  }

  async function refuseAgain({ clientAddress: client }: Question): Promise<Verdict> {
    // Counted or not: it is wrong.
    const counted = deps.failures.count({ person: null, client, provider: null })
    await during('database', counted).catch(() => undefined)
    return MISMATCH
  }

  return async (question) => {
    const { username, password, onGone } = question
    // A mail client always spells its name alike: canonical is only what is decided.
    const asTyped = deps.digest(username, password)
    const remembered = successes.get(asTyped)
    if (remembered !== undefined) return remembered
    if (repeats.has(asTyped)) return await refuseAgain(question)
    const canonical = deps.digest(parseAddress(username)?.text ?? username, password)
    return await decideOnce(canonical, onGone, (gone) => decide(question, asTyped, gone))
  }
}

import { parseAddress } from '../model/address.ts'
import type { Verdict } from '../model/verdict.ts'
import { authenticate, type Surroundings } from './authenticate.ts'
import { coalesce, type OnGone } from './coalesce.ts'
import { EvenTime } from './even.ts'
import type { Successes } from './remember.ts'

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
  readonly successes: Successes
}

/**
 * The way of a sign-in: a question that was answered yes lately is answered so again; identical ones are decided
 * together; what is decided, `authenticate` decides; and a refusal takes the time of any other.
 */
export function signIn(
  outside: Surroundings,
  { answerLimitMs, successes }: SignInLimits,
): (question: Question) => Promise<Verdict> {
  const decideOnce = coalesce()
  const even = new EvenTime()

  async function decide(question: Question, asTyped: string, gone: AbortSignal): Promise<Verdict> {
    const startedAt = performance.now()
    const signal = AbortSignal.any([gone, AbortSignal.timeout(answerLimitMs)])
    const record = successes.recorder(asTyped)
    const verdict = await authenticate({ ...question, signal }, outside)
    if (verdict.verdict === 'mismatch') {
      // The first refusal has none to be like: it takes at least the time of a password check.
      if (even.isUnknown) await outside.hasher.verify(null, '').catch(() => undefined)
      await even.hold(startedAt, signal)
    }
    record(verdict)
    return verdict
  }

  return async (question) => {
    const { username, password, onGone } = question
    // A mail client always spells its name alike: canonical is only what is decided.
    const asTyped = outside.digest(username, password)
    const remembered = successes.get(asTyped)
    if (remembered !== undefined) return remembered
    const canonical = outside.digest(parseAddress(username)?.text ?? username, password)
    return await decideOnce(canonical, onGone, (gone) => decide(question, asTyped, gone))
  }
}

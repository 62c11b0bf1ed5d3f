import { createHmac, randomBytes } from 'node:crypto'
import { parseAddress } from '../model/address.ts'
import type { Verdict } from '../model/verdict.ts'
import type { Question } from './authenticate.ts'

type Decide = (question: Question) => Promise<Verdict>

/**
 * Decides identical questions that arrive together once: a mail client opens several connections at the same moment.
 * The whole decision is shared, its writing included, so that who comes later finds the account.
 */
export function coalesce(decide: Decide): Decide {
  const inFlight = new Map<string, Promise<Verdict>>()
  // Passwords are not kept as keys, not even as plain digests.
  const secret = randomBytes(32)

  return (question) => {
    const { username, password } = question
    const key = createHmac('sha256', secret)
      .update(`${parseAddress(username)?.text ?? username}\0${password}`)
      .digest('base64')
    const running = inFlight.get(key)
    if (running !== undefined) return running
    const decision = decide(question).finally(() => inFlight.delete(key))
    inFlight.set(key, decision)
    return decision
  }
}

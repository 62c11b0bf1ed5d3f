import type { Verdict } from '../model/verdict.ts'
import { admit, capture, provisional, refusal, refuse, suspectsOf } from './admit.ts'
import { askOld } from './ask-old.ts'
import type { Attempt, Surroundings } from './authenticate.ts'
import type { Meant, Origin } from './meant.ts'
import type { Hasher, KeptPassword, KnownAccount } from './ports.ts'
import { during } from './trouble.ts'

/** What the passwords that are kept here say; null: it is none of them. */
export async function settleHere(
  known: KnownAccount,
  { entitled: [origin] }: Meant,
  attempt: Attempt,
  outside: Surroundings,
): Promise<Verdict | null> {
  const kept = await matching(known.passwords, attempt.password, outside.hasher)
  if (kept === null) return null
  if (kept.isDoubtful) return origin === undefined ? null : await askAgain(known, kept, origin, attempt, outside)
  const isAsked = known.needsCredential && known.account.enabled && origin !== undefined
  return isAsked ? await askAsWell(known, origin, attempt, outside) : admit(known.account)
}

/** One after the other: mostly it is the first, and there is no other. */
async function matching(passwords: readonly KeptPassword[], password: string, { verify }: Hasher) {
  for (const kept of passwords) if (await verify(kept.hash, password)) return kept
  return null
}

/** A newer password came after this one: it counts again when OLD says so, also once the move is over. */
async function askAgain(
  known: KnownAccount,
  { hash }: KeptPassword,
  origin: Origin,
  attempt: Attempt,
  outside: Surroundings,
): Promise<Verdict> {
  const { address } = known.account
  const answer = await askOld(origin, attempt, outside)
  if (answer.kind === 'no') {
    await during('database', outside.captures.drop(address, hash))
    return await refuse(suspectsOf(address, [origin], attempt), outside)
  }
  if (answer.kind !== 'yes') return refusal(answer)
  await during('database', outside.captures.confirm(address, hash))
  return known.needsCredential && known.account.enabled
    ? await renewed(known, origin, attempt, outside)
    : admit(known.account)
}

/**
 * A right password, and a migration that wants one: OLD is asked as well. Trouble there keeps nobody out; its no, once
 * the move is over or as the provider wants it, neither.
 */
async function askAsWell(known: KnownAccount, origin: Origin, attempt: Attempt, outside: Surroundings) {
  const answer = await askOld(origin, attempt, outside)
  switch (answer.kind) {
    case 'yes':
      return await renewed(known, origin, attempt, outside)
    case 'trouble':
      return provisional(known.account)
    default:
      if (!known.isLive || origin.provider.afterRefusal === 'admit') return admit(known.account)
      return answer.kind === 'no'
        ? await refuse(suspectsOf(origin.address.text, [origin], attempt), outside)
        : refusal(answer)
  }
}

/** Gives the migration the password that it wants. Whatever comes of that, the person is in. */
async function renewed(known: KnownAccount, origin: Origin, { password }: Attempt, outside: Surroundings) {
  const written = capture(origin, { hash: null, credential: password }, outside)
  const verdict = await written.catch(() => provisional(known.account))
  return verdict.verdict === 'ok' || verdict.verdict === 'disabled' ? verdict : admit(known.account)
}

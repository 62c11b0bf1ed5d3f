import type { Account } from '../model/account.ts'
import type { Verdict } from '../model/verdict.ts'
import { askSource } from './ask-source.ts'
import type { Attempt, Deps } from './authenticate.ts'
import type { Meant, Origin } from './origins.ts'
import type { Hasher, KeptPassword, KnownAccount } from './ports.ts'
import { admit, capture, provisional, refusal, refuse, suspectsOf } from './provision.ts'
import { Changed, during } from './unavailable.ts'

/** What the passwords that are kept here say; null: it is none of them. */
export async function settleHere(
  known: KnownAccount,
  { entitled: [origin] }: Meant,
  attempt: Attempt,
  deps: Deps,
): Promise<Verdict | null> {
  const kept = await matching(known.passwords, attempt.password, deps.hasher)
  if (kept === null) return null
  if (kept.isDoubtful) return origin === undefined ? null : await askAgain(known, kept, origin, attempt, deps)
  const isAsked = known.needsCredential && known.account.enabled && origin !== undefined
  return isAsked ? await askAsWell(known, kept, origin, attempt, deps) : admit(known.account)
}

/** One after the other: mostly it is the first, and there is no other. */
async function matching(passwords: readonly KeptPassword[], password: string, { verify }: Hasher) {
  for (const kept of passwords) if (await verify(kept.hash, password)) return kept
  return null
}

/** A newer password came after this one: it counts again when the source says so, also once the move is over. */
async function askAgain(
  known: KnownAccount,
  { hash }: KeptPassword,
  origin: Origin,
  attempt: Attempt,
  deps: Deps,
): Promise<Verdict> {
  const { address } = known.account
  const answer = await askSource(origin, attempt, deps)
  if (answer.kind === 'no') {
    // Once the move is over a server that knows nobody any more may be what answers.
    if (known.isLive) await during('database', deps.captures.drop(address, hash))
    return await refuse(suspectsOf(address, [origin], attempt), deps)
  }
  if (answer.kind !== 'yes') return refusal(answer)
  const seenHash = known.passwords[0]?.hash ?? hash
  if (!(await during('database', deps.captures.confirm(address, hash, seenHash)))) throw new Changed()
  const confirmed = { hash, isDoubtful: false }
  return known.needsCredential && known.account.enabled
    ? await renewed(known, confirmed, origin, attempt, deps)
    : admit(await unchanged(known, confirmed, deps))
}

/**
 * A right password, and a migration that wants one: the source is asked as well. Trouble there keeps nobody out; its
 * no, once the move is over or as the provider wants it, neither.
 */
async function askAsWell(
  known: KnownAccount,
  kept: KeptPassword,
  origin: Origin,
  attempt: Attempt,
  deps: Deps,
): Promise<Verdict> {
  const answer = await askSource(origin, attempt, deps)
  switch (answer.kind) {
    case 'yes':
      return await renewed(known, kept, origin, attempt, deps)
    case 'trouble':
      return provisional(await unchanged(known, kept, deps))
    default:
      if (!known.isLive || origin.provider.afterRefusal === 'admit') return admit(await unchanged(known, kept, deps))
      return answer.kind === 'no'
        ? await refuse(suspectsOf(origin.address.text, [origin], attempt), deps)
        : refusal(answer)
  }
}

/** Gives the migration the password that it wants. Whatever comes of that, who still has this password is in. */
async function renewed(
  known: KnownAccount,
  kept: KeptPassword,
  origin: Origin,
  { password }: Attempt,
  deps: Deps,
): Promise<Verdict> {
  const proved = { hash: null, seenHash: kept.hash, credential: password }
  const verdict = await capture(origin, proved, deps).catch(() => null)
  if (verdict?.verdict === 'ok' || verdict?.verdict === 'disabled') return verdict
  const account = await unchanged(known, kept, deps)
  return verdict === null ? provisional(account) : admit(account)
}

/**
 * The account as it is by now: the source may have thought for long. @throws Changed when the password does not count
 * as it did
 */
async function unchanged({ account }: KnownAccount, kept: KeptPassword, { directory }: Deps): Promise<Account> {
  const now = await during('database', directory.accountOf(account.address))
  const isKept = now?.passwords.some(({ hash, isDoubtful }) => hash === kept.hash && isDoubtful === kept.isDoubtful)
  if (!now || !isKept) throw new Changed()
  return now.account
}

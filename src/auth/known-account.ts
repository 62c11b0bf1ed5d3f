import type { Account } from '../model/account.ts'
import type { Verdict } from '../model/verdict.ts'
import { askSource } from './ask-source.ts'
import type { AuthDeps, Hasher, KeptPassword, KnownAccount, LoginAttempt } from './ports.ts'
import { admit, provision, provisional, refusal, refuse, subjectsOf } from './provision.ts'
import type { Candidate, Resolved } from './resolve.ts'
import { AccountChanged } from './unavailable.ts'

/** The verdict of the passwords that are kept here; null: it is none of them. */
export async function checkKeptPasswords(
  known: KnownAccount,
  { entitled: [candidate] }: Resolved,
  attempt: LoginAttempt,
  deps: AuthDeps,
): Promise<Verdict | null> {
  const kept = await matching(known.passwords, attempt.password, deps.hasher)
  if (kept === null) return null
  if (kept.isDoubtful) return candidate === undefined ? null : await confirm(known, kept, candidate, attempt, deps)
  const isWanted = known.needsCredential && known.account.enabled && candidate !== undefined
  return isWanted ? await offerCredential(known, kept, candidate, attempt, deps) : admit(known.account)
}

/** One after the other: mostly it is the first, and there is no other. */
async function matching(passwords: readonly KeptPassword[], password: string, { verify }: Hasher) {
  for (const kept of passwords) if (await verify(kept.hash, password)) return kept
  return null
}

/** A newer password came after this one: it counts again when the source says so, also once the move is over. */
async function confirm(
  known: KnownAccount,
  { hash }: KeptPassword,
  candidate: Candidate,
  attempt: LoginAttempt,
  deps: AuthDeps,
): Promise<Verdict> {
  const { provisioner, fromDatabase } = deps
  const { address } = known.account
  const answer = await askSource(candidate, attempt, deps)
  if (answer.kind === 'no') {
    // Once the move is over a server that knows nobody any more may be what answers.
    if (known.isLive) await fromDatabase(provisioner.dropPassword(address, hash))
    return await refuse(subjectsOf(address, [candidate], attempt), deps)
  }
  if (answer.kind !== 'yes') return refusal(answer)
  const seenHash = known.passwords[0]?.hash ?? hash
  if (!(await fromDatabase(provisioner.confirmPassword(address, hash, seenHash)))) throw new AccountChanged()
  const confirmed = { hash, isDoubtful: false }
  return known.needsCredential && known.account.enabled
    ? await renew(known, confirmed, candidate, attempt, deps)
    : admit(await unchanged(known, confirmed, deps))
}

/**
 * A right password, and a migration that wants a credential: the source is asked as well. Trouble there keeps nobody
 * out; its no, once the move is over or as the provider wants it, neither.
 */
async function offerCredential(
  known: KnownAccount,
  kept: KeptPassword,
  candidate: Candidate,
  attempt: LoginAttempt,
  deps: AuthDeps,
): Promise<Verdict> {
  const answer = await askSource(candidate, attempt, deps)
  switch (answer.kind) {
    case 'yes':
      return await renew(known, kept, candidate, attempt, deps)
    case 'trouble':
      return provisional(await unchanged(known, kept, deps))
    default:
      if (!known.isLive || candidate.provider.afterRefusal === 'admit') return admit(await unchanged(known, kept, deps))
      return answer.kind === 'no'
        ? await refuse(subjectsOf(candidate.address.text, [candidate], attempt), deps)
        : refusal(answer)
  }
}

/** Gives the migration the credential that it wants. Whatever comes of that, who still has this password is in. */
async function renew(
  known: KnownAccount,
  kept: KeptPassword,
  candidate: Candidate,
  { password }: LoginAttempt,
  deps: AuthDeps,
): Promise<Verdict> {
  const proof = { hash: null, seenHash: kept.hash, credential: password }
  const verdict = await provision(candidate, proof, deps).catch(() => null)
  if (verdict?.verdict === 'ok' || verdict?.verdict === 'disabled') return verdict
  const account = await unchanged(known, kept, deps)
  return verdict === null ? provisional(account) : admit(account)
}

/**
 * The account as it is by now: the source may have taken long. @throws AccountChanged when the password does not count
 * as it did
 */
async function unchanged(
  { account }: KnownAccount,
  kept: KeptPassword,
  { userdb, fromDatabase }: AuthDeps,
): Promise<Account> {
  const now = await fromDatabase(userdb.accountOf(account.address))
  const isKept = now?.passwords.some(({ hash, isDoubtful }) => hash === kept.hash && isDoubtful === kept.isDoubtful)
  if (!now || !isKept) throw new AccountChanged()
  return now.account
}

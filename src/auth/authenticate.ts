import { type Address, withoutDetail } from '../model/address.ts'
import { expandHome } from '../model/home.ts'
import { isPassword } from '../model/texts.ts'
import { DISABLED, MISMATCH, tempfail, type Verdict } from '../model/verdict.ts'
import { askEach, isRefused } from './ask-source.ts'
import { checkKeptPasswords } from './known-account.ts'
import type { AuthDeps, LoginAttempt } from './ports.ts'
import { COLLISION, provision, refusal, refuse, subjectsOf } from './provision.ts'
import { type Candidate, type Resolved, resolve } from './resolve.ts'
import { AccountChanged, codeOf, Unavailable } from './unavailable.ts'

/** How often a login is decided again because the account changed meanwhile. */
const MOST_AGAIN = 2

/**
 * May this person in? The account's own passwords decide first. Where they do not and the source still has a say, the
 * source is asked; its yes provisions the account, or renews it.
 */
export async function authenticate(attempt: LoginAttempt, deps: AuthDeps): Promise<Verdict> {
  const { address, password } = attempt
  if (address === null || !isPassword(password)) return MISMATCH
  try {
    return await decide(withoutDetail(address, deps.recipientDelimiter), attempt, deps, MOST_AGAIN)
  } catch (cause) {
    return cause instanceof Unavailable ? tempfail(cause.code, cause.cause) : tempfail(codeOf(cause), cause)
  }
}

async function decide(typed: Address, attempt: LoginAttempt, deps: AuthDeps, again: number): Promise<Verdict> {
  try {
    return await decideOnce(typed, attempt, deps)
  } catch (cause) {
    if (!(cause instanceof AccountChanged) || again === 0) throw cause
    return await decide(typed, attempt, deps, again - 1)
  }
}

async function decideOnce(typed: Address, attempt: LoginAttempt, deps: AuthDeps): Promise<Verdict> {
  const who = await resolve(typed, deps)
  const [candidate] = [...who.entitled, ...who.rivals]
  if (candidate !== undefined) attempt.onProvider?.(candidate.provider.name)
  // A rival's password is not tried on the account.
  const known = who.isRival ? null : who.known
  if (known === null) return await askCandidates(who, who.entitled, attempt, deps)
  // Not checked, so not called wrong either.
  if (!(await mayCostHash(known.account.address, attempt, deps))) return tempfail('throttled')
  const decided = await checkKeptPasswords(known, who, attempt, deps)
  if (decided !== null) return decided
  // An account without a live migration is never taken over by the source's password, nor is a password that was set on
  // the destination.
  const hasSay = known.isLive && known.passwordSource === 'source'
  return await askCandidates(who, hasSay ? who.entitled : [], attempt, deps)
}

/** Where the client's network is over its limit, only who has signed in from there before. */
async function mayCostHash(person: string, { clientAddress }: LoginAttempt, deps: AuthDeps): Promise<boolean> {
  if (clientAddress === null || !deps.rateLimit.isClientExceeded(clientAddress)) return true
  return await deps.fromDatabase(deps.visits.has(person, clientAddress))
}

/** Whoever failed too often waits before the source is asked; what it refused lately, it is not asked again. */
async function askCandidates(
  { person, known, rivals, isClosed }: Resolved,
  entitled: readonly Candidate[],
  attempt: LoginAttempt,
  deps: AuthDeps,
): Promise<Verdict> {
  const asked = [...entitled, ...rivals]
  if (asked.length > 0 && asked.every((candidate) => isRefused(candidate, attempt, deps))) return MISMATCH
  const subjects = subjectsOf(person.text, asked, attempt)
  for (const subject of subjects) {
    if (!(await deps.fromDatabase(deps.rateLimit.isExceeded(subject)))) continue
    // Where nobody else could say yes it is wrong, and whoever watches for guesses has to see it.
    return asked.length === 0 ? await refuse(subjects, deps) : tempfail('throttled')
  }
  const verdict = await askEntitled(entitled, { known, isClosed }, attempt, deps)
  if (verdict.verdict !== 'mismatch') return verdict
  return (await askRivals(rivals, attempt, deps)) ?? (await refuse(subjects, deps))
}

async function askEntitled(
  [first, ...others]: readonly Candidate[],
  { known, isClosed }: Pick<Resolved, 'known' | 'isClosed'>,
  attempt: LoginAttempt,
  deps: AuthDeps,
): Promise<Verdict> {
  if (first === undefined) return MISMATCH
  // Hashed while the source is asked: it is needed after a yes.
  const [{ answer, candidate }, hash] = await Promise.all([
    askEach([first, ...others], attempt, deps),
    deps.hasher.hash(attempt.password),
  ])
  if (answer.kind !== 'yes') return refusal(answer)
  if (isClosed) return DISABLED
  // A further password opens the mailbox as well, as long as the kept one does.
  const isWanted = known === null || known.needsCredential
  const seenHash = known?.passwords[0]?.hash ?? null
  return await provision(candidate, { hash, seenHash, credential: isWanted ? attempt.password : null }, deps)
}

/** What becomes of somebody whose address on the destination is another's; null: it is nobody. */
async function askRivals([first, ...others]: readonly Candidate[], attempt: LoginAttempt, deps: AuthDeps) {
  if (first === undefined) return null
  const { answer, candidate } = await askEach([first, ...others], attempt, deps)
  if (answer.kind === 'no') return null
  if (answer.kind !== 'yes') return refusal(answer)
  const home = expandHome(deps.home, candidate.address)
  await deps.fromDatabase(deps.provisioner.noteCollision({ ...candidate, home }))
  return COLLISION
}

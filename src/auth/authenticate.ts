import type { Sealer } from '../keys/ports.ts'
import { type Address, parseAddress, withoutDetail } from '../model/address.ts'
import { expandHome } from '../model/home.ts'
import { isPassword } from '../model/password.ts'
import { DISABLED, MISMATCH, tempfail, type Verdict } from '../model/verdict.ts'
import type { Source } from '../source/ports.ts'
import { askEach, isRefused } from './ask-source.ts'
import type { NegativeCache } from './auth-cache.ts'
import type { Digest } from './credential-digest.ts'
import { settleHere } from './known-account.ts'
import { type Meant, meant, type Origin } from './origins.ts'
import type { Captures, Directory, Failures, Hasher, Visits } from './ports.ts'
import { COLLISION, capture, refusal, refuse, suspectsOf } from './provision.ts'
import { Changed, codeOf, during, Trouble } from './unavailable.ts'

/** A sign-in that is to be decided. */
export interface Attempt {
  readonly username: string
  readonly password: string
  readonly clientAddress: string | null
  /** Aborted when nobody waits for the answer any more, or its time is over. */
  readonly signal: AbortSignal
  /** Told whose people the person is one of, as soon as that is known. */
  onProvider?(name: string): void
}

/** What the sign-in needs from outside. */
export interface Deps {
  readonly directory: Directory
  readonly hasher: Hasher
  readonly old: Source
  readonly sealer: Sealer
  readonly captures: Captures
  readonly failures: Failures
  readonly visits: Visits
  readonly refusals: NegativeCache
  readonly digest: Digest
  /** Template of an account's home on the destination. */
  readonly home: string
  /** What separates a sub-address's detail from the person; '' where there is none. */
  readonly recipientDelimiter: string
}

/** How often a sign-in is decided anew because the account changed meanwhile. */
const MOST_ANEW = 2

/**
 * May this person in? The account's own password decides first. Where it does not settle the question and the source
 * still has a say, the source is asked; its yes captures the person, or renews what was captured.
 */
export async function authenticate(attempt: Attempt, deps: Deps): Promise<Verdict> {
  try {
    const address = parseAddress(attempt.username)
    if (address === null || !isPassword(attempt.password)) return MISMATCH
    return await decide(withoutDetail(address, deps.recipientDelimiter), attempt, deps, MOST_ANEW)
  } catch (cause) {
    return cause instanceof Trouble ? tempfail(cause.code, cause.cause) : tempfail(codeOf(cause), cause)
  }
}

async function decide(typed: Address, attempt: Attempt, deps: Deps, anew: number): Promise<Verdict> {
  try {
    return await decideOnce(typed, attempt, deps)
  } catch (cause) {
    if (!(cause instanceof Changed) || anew === 0) throw cause
    return await decide(typed, attempt, deps, anew - 1)
  }
}

async function decideOnce(typed: Address, attempt: Attempt, deps: Deps): Promise<Verdict> {
  const who = await meant(typed, deps.directory)
  const [origin] = [...who.entitled, ...who.rivals]
  if (origin !== undefined) attempt.onProvider?.(origin.provider.name)
  // A rival's password is not tried on the account.
  const known = who.isRival ? null : who.known
  if (known === null) return await appeal(who, who.entitled, attempt, deps)
  // Not looked at, so not called wrong either.
  if (!(await isHeard(known.account.address, attempt, deps))) return tempfail('throttled')
  const settled = await settleHere(known, who, attempt, deps)
  if (settled !== null) return settled
  // An account without a live migration is never taken over by the source's password, nor is a password that was set on
  // the destination.
  const hasSay = known.isLive && known.passwordSource === 'old'
  return await appeal(who, hasSay ? who.entitled : [], attempt, deps)
}

/** Costs a hash only where the client's network is not over its limit, or the person has signed in from there. */
async function isHeard(person: string, { clientAddress }: Attempt, { failures, visits }: Deps) {
  if (clientAddress === null || !failures.isShut(clientAddress)) return true
  return await during('database', visits.has(person, clientAddress))
}

/** Whoever fails often waits before the source is asked; what it just refused, it is not asked again. */
async function appeal(
  { person, known, rivals, isClosed }: Meant,
  entitled: readonly Origin[],
  attempt: Attempt,
  deps: Deps,
): Promise<Verdict> {
  const asked = [...entitled, ...rivals]
  if (asked.length > 0 && asked.every((origin) => isRefused(origin, attempt, deps))) return MISMATCH
  const suspects = suspectsOf(person.text, asked, attempt)
  for (const suspect of suspects) {
    if (!(await during('database', deps.failures.isLimited(suspect)))) continue
    // Nobody else could say yes: it is wrong, and who watches for guesses is to see it.
    return asked.length === 0 ? await refuse(suspects, deps) : tempfail('throttled')
  }
  const verdict = await askEntitled(entitled, { known, isClosed }, attempt, deps)
  if (verdict.verdict !== 'mismatch') return verdict
  return (await isRival(rivals, attempt, deps)) ?? (await refuse(suspects, deps))
}

async function askEntitled(
  [first, ...others]: readonly Origin[],
  { known, isClosed }: Pick<Meant, 'known' | 'isClosed'>,
  attempt: Attempt,
  deps: Deps,
): Promise<Verdict> {
  if (first === undefined) return MISMATCH
  // Hashed while the source thinks: it is needed after a yes.
  const [{ answer, origin }, hash] = await Promise.all([
    askEach([first, ...others], attempt, deps),
    deps.hasher.hash(attempt.password),
  ])
  if (answer.kind !== 'yes') return refusal(answer)
  if (isClosed) return DISABLED
  // Another password opens the mailbox as well, as long as the kept one does.
  const brings = known === null || known.needsCredential
  const proved = { hash, seenHash: known?.passwords[0]?.hash ?? null, credential: brings ? attempt.password : null }
  return await capture(origin, proved, deps)
}

/** What becomes of somebody whose address on the destination is another's; null: it is nobody. */
async function isRival([first, ...others]: readonly Origin[], attempt: Attempt, deps: Deps) {
  if (first === undefined) return null
  const { answer, origin } = await askEach([first, ...others], attempt, deps)
  if (answer.kind === 'no') return null
  if (answer.kind !== 'yes') return refusal(answer)
  const home = expandHome(deps.home, origin.address)
  await during('database', deps.captures.collide({ ...origin, home }))
  return COLLISION
}

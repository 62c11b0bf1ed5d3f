import type { Account } from '../model/account.ts'
import { parseAddress, withoutDetail } from '../model/address.ts'
import { expandHome } from '../model/home.ts'
import { isPassword } from '../model/password.ts'
import { DISABLED, EXPIRED, MISMATCH, tempfail, type Verdict } from '../model/verdict.ts'
import { askEach, askOld, isRefused } from './ask-old.ts'
import type { Digest } from './digest.ts'
import { type Meant, meant, type Origin } from './meant.ts'
import type { Captures, Directory, Failures, Hasher, KnownAccount, Old, OldAnswer, Sealer, Suspect } from './ports.ts'
import type { Refusals } from './remember.ts'
import { codeOf, during, Trouble } from './trouble.ts'

/** A sign-in that is to be decided. */
export interface Attempt {
  readonly username: string
  readonly password: string
  readonly clientAddress: string | null
  /** Aborted when nobody waits for the answer any more, or its time is over. */
  readonly signal: AbortSignal
}

/** What the sign-in needs from outside. */
export interface Surroundings {
  readonly directory: Directory
  readonly hasher: Hasher
  readonly old: Old
  readonly sealer: Sealer
  readonly captures: Captures
  readonly failures: Failures
  readonly refusals: Refusals
  readonly digest: Digest
  /** Template of an account's home on NEW. */
  readonly home: string
  /** What separates a sub-address's detail from the person; '' where there is none. */
  readonly recipientDelimiter: string
}

/**
 * May this person in? The account's own password decides first. Where it does not settle the question and OLD still
 * has a say, OLD is asked; its yes captures the person, or renews what was captured.
 */
export async function authenticate(attempt: Attempt, outside: Surroundings): Promise<Verdict> {
  try {
    const address = parseAddress(attempt.username)
    if (address === null || !isPassword(attempt.password)) return MISMATCH
    const who = await meant(withoutDetail(address, outside.recipientDelimiter), outside.directory)
    // A rival's password is not tried on the account.
    if (who.known === null || who.isRival) return await appeal(who, who.entitled, attempt, outside)
    return await verifyKnown(who.known, who, attempt, outside)
  } catch (cause) {
    return cause instanceof Trouble ? tempfail(cause.code, cause.cause) : tempfail(codeOf(cause), cause)
  }
}

async function verifyKnown(known: KnownAccount, who: Meant, attempt: Attempt, outside: Surroundings): Promise<Verdict> {
  if (await outside.hasher.verify(known.passwordHash, attempt.password)) {
    const [origin] = who.entitled
    const isAsked = known.needsCredential && known.account.enabled
    return isAsked && origin !== undefined ? await askAsWell(known, origin, attempt, outside) : admit(known.account)
  }
  // An account without a live migration is never taken over by OLD's password, nor is a password that was set on NEW.
  const hasSay = known.isLive && known.passwordSource === 'old'
  return await appeal(who, hasSay ? who.entitled : [], attempt, outside)
}

/**
 * A right password, and a migration that wants one: OLD is asked as well. Trouble there keeps nobody out; its no, once
 * the move is over or as the provider wants it, neither.
 */
async function askAsWell(known: KnownAccount, origin: Origin, attempt: Attempt, outside: Surroundings) {
  const answer = await askOld(origin, attempt, outside)
  switch (answer.kind) {
    case 'yes': {
      const renewed = capture(origin, attempt.password, known.passwordHash, outside)
      const verdict = await renewed.catch(() => provisional(known.account))
      return verdict.verdict === 'ok' || verdict.verdict === 'disabled' ? verdict : admit(known.account)
    }
    case 'trouble':
      return provisional(known.account)
    default:
      if (!known.isLive || origin.provider.afterRefusal === 'admit') return admit(known.account)
      return answer.kind === 'no'
        ? await refuse(suspectsOf(origin.address.text, [origin], attempt), outside)
        : refusal(answer)
  }
}

/** Whoever fails often waits before OLD is asked; what it just refused, it is not asked again. */
async function appeal(
  { person, rivals, isClosed }: Meant,
  entitled: readonly Origin[],
  attempt: Attempt,
  outside: Surroundings,
): Promise<Verdict> {
  const asked = [...entitled, ...rivals]
  if (asked.length > 0 && asked.every((origin) => isRefused(origin, attempt, outside))) return MISMATCH
  const suspects = suspectsOf(person.text, asked, attempt)
  for (const suspect of suspects) {
    if (await during('database', outside.failures.isLimited(suspect))) return tempfail('throttled')
  }
  const verdict = await askEntitled(entitled, isClosed, attempt, outside)
  if (verdict.verdict !== 'mismatch') return verdict
  return (await isRival(rivals, attempt, outside)) ?? (await refuse(suspects, outside))
}

/** Somebody is counted once, whoever is asked. */
function suspectsOf(person: string, asked: readonly Origin[], { clientAddress: client }: Attempt): Suspect[] {
  const providers = new Set(asked.map(({ provider }) => provider.name))
  return providers.size === 0
    ? [{ person, client, provider: null }]
    : [...providers].map((provider) => ({ person, client, provider }))
}

async function askEntitled(
  [first, ...others]: readonly Origin[],
  isClosed: boolean,
  attempt: Attempt,
  outside: Surroundings,
): Promise<Verdict> {
  if (first === undefined) return MISMATCH
  // Hashed while OLD thinks: it is needed after a yes.
  const [{ answer, origin }, hash] = await Promise.all([
    askEach([first, ...others], attempt, outside),
    outside.hasher.hash(attempt.password),
  ])
  if (answer.kind !== 'yes') return refusal(answer)
  return isClosed ? DISABLED : await capture(origin, attempt.password, hash, outside)
}

/** What becomes of somebody whose address on NEW is another's; null: it is nobody. */
async function isRival([first, ...others]: readonly Origin[], attempt: Attempt, outside: Surroundings) {
  if (first === undefined) return null
  const { answer, origin } = await askEach([first, ...others], attempt, outside)
  if (answer.kind === 'no') return null
  if (answer.kind !== 'yes') return refusal(answer)
  const home = expandHome(outside.home, origin.address)
  await during('database', outside.captures.collide({ ...origin, home }))
  return COLLISION
}

async function refuse(suspects: readonly Suspect[], { failures }: Surroundings): Promise<Verdict> {
  // Counted or not: the password is wrong.
  for (const suspect of suspects.slice(0, 1)) await during('database', failures.count(suspect)).catch(() => undefined)
  return MISMATCH
}

async function capture(origin: Origin, password: string, passwordHash: string, outside: Surroundings) {
  const { address, oldUsername: username } = origin
  const sealed = await outside.sealer.seal({
    address: address.text,
    provider: origin.provider.name,
    username,
    password,
  })
  const home = expandHome(outside.home, address)
  const account = await during('database', outside.captures.capture({ ...origin, home, passwordHash, sealed }))
  if (account === 'collision') return COLLISION
  return account === null ? MISMATCH : admit(account)
}

/** Right, and yet not to be let in: two people, or one with two names, want what only one can have. */
const COLLISION = tempfail('collision', new Error('somebody else has it: "mailferry report" tells who wants what'))

function admit(account: Account): Verdict {
  return account.enabled ? { verdict: 'ok', account } : DISABLED
}

function provisional(account: Account): Verdict {
  return { verdict: 'ok', account, isProvisional: true }
}

function refusal(answer: Exclude<OldAnswer, { kind: 'yes' }>): Verdict {
  switch (answer.kind) {
    case 'no':
      return MISMATCH
    case 'disabled':
      return DISABLED
    case 'expired':
      return EXPIRED
    case 'trouble':
      return tempfail(answer.code, answer.cause)
  }
}

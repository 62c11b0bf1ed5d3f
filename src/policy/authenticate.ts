import type { Account } from '../model/account.ts'
import { type Address, inDomain, parseAddress, withoutDetail } from '../model/address.ts'
import { expandHome } from '../model/home.ts'
import { isPassword } from '../model/password.ts'
import { oldUsername, type Provider } from '../model/provider.ts'
import { type Code, DISABLED, EXPIRED, MISMATCH, tempfail, type Verdict } from '../model/verdict.ts'
import { within } from '../model/within.ts'
import { HashQueueFull } from './bound-hasher.ts'
import type { Digest } from './digest.ts'
import type { Captures, Directory, Failures, Hasher, KnownAccount, Old, OldAnswer, Sealer, Suspect } from './ports.ts'
import type { Refusals } from './remember.ts'

/** How long one look at the database may take, and how long the writing of a capture. */
export const DATABASE_LIMIT_MS = 4_000

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

/** Where a person's account is on OLD, and what it is called on NEW. */
interface Origin {
  readonly address: Address
  readonly provider: Provider
  readonly oldDomain: string
  readonly oldUsername: string
}

/** Who asks for OLD's word, once no password of ours was right. */
interface Appeal {
  readonly person: Address
  /** Null: OLD has no say. */
  readonly origin: Origin | null
  /** Even OLD's yes lets nobody in. */
  readonly isClosed: boolean
}

/**
 * May this person in? The account's own password decides first. Where it does not settle the question and OLD still
 * has a say, OLD is asked; its yes captures the person, or renews what was captured.
 */
export async function authenticate(attempt: Attempt, outside: Surroundings): Promise<Verdict> {
  try {
    const address = parseAddress(attempt.username)
    if (address === null || !isPassword(attempt.password)) return MISMATCH
    const typed = withoutDetail(address, outside.recipientDelimiter)
    const origin = await during('database', originOf(typed, outside.directory))
    const person = origin?.address ?? typed
    const known = await during('database', outside.directory.accountOf(person.text))
    if (known === null) return await appeal(await newcomer(person, origin, outside), attempt, outside)
    // Two old domains became one: this account is the person's of the other one.
    const belongsToOther = known.liveMigration !== null && known.liveMigration.oldDomain !== origin?.oldDomain
    if (belongsToOther && typed.text !== person.text) {
      return await appeal({ person: typed, origin: null, isClosed: true }, attempt, outside)
    }
    return await verifyKnown(known, person, attempt, outside)
  } catch (cause) {
    return cause instanceof Trouble ? tempfail(cause.code, cause.cause) : tempfail(codeOf(cause), cause)
  }
}

async function originOf(typed: Address, directory: Directory): Promise<Origin | null> {
  const source = await directory.sourceOf(typed.domain)
  if (source === null) return null
  const onOld = inDomain(typed, source.oldDomain)
  return {
    address: inDomain(typed, source.newDomain),
    provider: source.provider,
    oldDomain: source.oldDomain,
    oldUsername: oldUsername(source.provider, onOld),
  }
}

async function verifyKnown(
  known: KnownAccount,
  person: Address,
  attempt: Attempt,
  outside: Surroundings,
): Promise<Verdict> {
  if (await outside.hasher.verify(known.passwordHash, attempt.password)) {
    const isProvisional = await isLeftToReopen(known, person, attempt, outside)
    return isProvisional ? { verdict: 'ok', account: known.account, isProvisional } : admit(known.account)
  }
  // An account without a live migration is never taken over by OLD's password, nor is a password that was set on NEW.
  const hasSay = known.liveMigration !== null && known.passwordSource === 'old'
  const origin = hasSay ? { address: person, ...known.liveMigration } : null
  return await appeal({ person, origin, isClosed: !known.account.enabled }, attempt, outside)
}

/** Opens the finished move of somebody who may open it again. Whatever comes of it, the person is in. */
async function isLeftToReopen(known: KnownAccount, address: Address, attempt: Attempt, outside: Surroundings) {
  if (!known.reopening || !known.account.enabled) return false
  const origin = { address, ...known.reopening }
  const answer = await outside.old.ask({ ...attempt, provider: origin.provider, username: origin.oldUsername })
  if (answer.kind !== 'yes') return answer.kind === 'trouble'
  const captured = capture(origin, attempt.password, known.passwordHash, outside)
  return await captured.then(
    () => false,
    () => true,
  )
}

/** A person without an account: expected under a user name of OLD's own, or not expected at all. */
async function newcomer(person: Address, origin: Origin | null, { directory }: Surroundings): Promise<Appeal> {
  if (origin === null) return { person, origin, isClosed: true }
  const awaited = await during('database', directory.awaited(person.text))
  if (awaited === null) return { person, origin, isClosed: false }
  // Two old domains became one: the person of the other one is awaited.
  if (awaited.oldDomain !== origin.oldDomain) return { person, origin: null, isClosed: true }
  return { person, origin: { ...origin, ...awaited }, isClosed: awaited.closed }
}

/** Whoever fails often waits before OLD is asked; what it just refused, it is not asked again. */
async function appeal({ person, origin, isClosed }: Appeal, attempt: Attempt, outside: Surroundings): Promise<Verdict> {
  const digest = outside.digest(person.text, attempt.password)
  if (outside.refusals.has(digest)) return MISMATCH
  const suspect = { person: person.text, client: attempt.clientAddress, provider: origin?.provider.name ?? null }
  if (await during('database', outside.failures.isLimited(suspect))) return tempfail('throttled')
  if (origin === null) return await refuse(suspect, digest, outside)
  const asked = outside.old.ask({ ...attempt, provider: origin.provider, username: origin.oldUsername })
  // Hashed while OLD thinks: it is needed after a yes.
  const [answer, hash] = await Promise.all([asked, outside.hasher.hash(attempt.password)])
  if (answer.kind === 'no') return await refuse(suspect, digest, outside)
  if (answer.kind !== 'yes') return refusal(answer)
  return isClosed ? DISABLED : await capture(origin, attempt.password, hash, outside)
}

async function refuse(suspect: Suspect, digest: string, { failures, refusals }: Surroundings): Promise<Verdict> {
  refusals.add(digest)
  // Counted or not: the password is wrong.
  await during('database', failures.count(suspect)).catch(() => undefined)
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
  return account === null ? MISMATCH : admit(account)
}

function admit(account: Account): Verdict {
  return account.enabled ? { verdict: 'ok', account } : DISABLED
}

function refusal(answer: Exclude<OldAnswer, { kind: 'yes' } | { kind: 'no' }>): Verdict {
  switch (answer.kind) {
    case 'disabled':
      return DISABLED
    case 'expired':
      return EXPIRED
    case 'trouble':
      return tempfail(answer.code, answer.cause)
  }
}

/** Something outside of the question failed, and `code` says what. */
class Trouble extends Error {
  readonly code: Code

  constructor(code: Code, cause: unknown) {
    super(code, { cause })
    this.code = code
  }
}

function codeOf(cause: unknown): Code {
  return cause instanceof HashQueueFull ? 'throttled' : 'internal'
}

async function during<T>(code: Code, work: Promise<T>): Promise<T> {
  try {
    return await within(DATABASE_LIMIT_MS, work)
  } catch (cause) {
    throw new Trouble(code, cause)
  }
}

import type { Account } from '../model/account.ts'
import { type Address, inDomain, parseAddress } from '../model/address.ts'
import { expandHome } from '../model/home.ts'
import { isPassword } from '../model/password.ts'
import { oldUsername, type Provider } from '../model/provider.ts'
import { type Code, DISABLED, EXPIRED, MISMATCH, tempfail, type Verdict } from '../model/verdict.ts'
import { within } from '../model/within.ts'
import type { Captures, Directory, Hasher, KnownAccount, Old, OldAnswer, Sealer } from './ports.ts'

/** OLD may take 15 s for a place and 15 s to answer: with a look before and a write after, Dovecot's 40 s suffice. */
const DATABASE_LIMIT_MS = 4_000

export interface Question {
  readonly username: string
  readonly password: string
}

/** What the sign-in needs from outside. */
export interface Surroundings {
  readonly directory: Directory
  readonly hasher: Hasher
  readonly old: Old
  readonly sealer: Sealer
  readonly captures: Captures
  /** Template of an account's home on NEW. */
  readonly home: string
}

/** Where a person's account is on OLD, and what it is called on NEW. */
interface Origin {
  readonly address: Address
  readonly provider: Provider
  readonly oldDomain: string
  readonly oldUsername: string
}

/**
 * May this person in? The account's own password decides first. Where it does not settle the question and OLD still
 * has a say, OLD is asked; its yes captures the person, or renews what was captured.
 */
export async function authenticate({ username, password }: Question, outside: Surroundings): Promise<Verdict> {
  try {
    const typed = parseAddress(username)
    if (typed === null || !isPassword(password)) return await refuse(outside)
    const origin = await during('database', originOf(typed, outside.directory))
    const address = origin?.address ?? typed
    const known = await during('database', outside.directory.accountOf(address.text))
    if (known === null) return origin === null ? await refuse(outside) : await askForNewcomer(origin, password, outside)
    // Two old domains became one: this account is the person's of the other one.
    const belongsToOther = known.liveMigration !== null && known.liveMigration.oldDomain !== origin?.oldDomain
    if (belongsToOther && typed.text !== address.text) return await refuse(outside)
    return await verifyKnown(known, address, password, outside)
  } catch (cause) {
    return cause instanceof Trouble ? tempfail(cause.code, cause.cause) : tempfail('internal', cause)
  }
}

/** The answer to a question about nobody: it takes the time of a wrong password. */
async function refuse({ hasher }: Surroundings): Promise<Verdict> {
  await hasher.verify(null, '')
  return MISMATCH
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

async function verifyKnown(known: KnownAccount, address: Address, password: string, outside: Surroundings) {
  if (await outside.hasher.verify(known.passwordHash, password)) return admit(known.account)
  // An account without a live migration is never taken over by OLD's password, nor is a password that was set on NEW.
  if (known.liveMigration === null || known.passwordSource === 'new') return MISMATCH
  const origin = { address, ...known.liveMigration }
  const answer = await outside.old.ask(origin.provider, origin.oldUsername, password)
  if (answer.kind !== 'yes') return refusal(answer)
  if (!known.account.enabled) return DISABLED
  return await capture(origin, password, await outside.hasher.hash(password), outside)
}

async function askForNewcomer(origin: Origin, password: string, outside: Surroundings): Promise<Verdict> {
  // Hashed while OLD thinks: it is needed after a yes, and makes a no cost what a known person's costs.
  const [answer, hash] = await Promise.all([
    outside.old.ask(origin.provider, origin.oldUsername, password),
    outside.hasher.hash(password),
  ])
  return answer.kind === 'yes' ? await capture(origin, password, hash, outside) : refusal(answer)
}

async function capture(origin: Origin, password: string, passwordHash: string, outside: Surroundings) {
  const { address, oldUsername: username } = origin
  const sealed = await outside.sealer.seal({ address: address.text, username, password })
  const home = expandHome(outside.home, address)
  const account = await during('database', outside.captures.capture({ ...origin, home, passwordHash, sealed }))
  return account === null ? MISMATCH : admit(account)
}

function admit(account: Account): Verdict {
  return account.enabled ? { verdict: 'ok', account } : DISABLED
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

/** Something outside of the question failed, and `code` says what. */
class Trouble extends Error {
  readonly code: Code

  constructor(code: Code, cause: unknown) {
    super(code, { cause })
    this.code = code
  }
}

async function during<T>(code: Code, work: Promise<T>): Promise<T> {
  try {
    return await within(DATABASE_LIMIT_MS, work)
  } catch (cause) {
    throw new Trouble(code, cause)
  }
}

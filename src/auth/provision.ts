import type { Account } from '../model/account.ts'
import { expandHome } from '../model/home.ts'
import { DISABLED, EXPIRED, MISMATCH, tempfail, type Verdict } from '../model/verdict.ts'
import type { SourceAnswer } from '../source/ports.ts'
import type { AuthDeps, LoginAttempt, RateLimitSubject } from './ports.ts'
import type { Candidate } from './resolve.ts'
import { AccountChanged } from './unavailable.ts'

// How a login ends: what is written, what is counted, what is said.

/** Whom a login counts against: everybody once, however many are asked. */
export function subjectsOf(
  person: string,
  asked: readonly Candidate[],
  { clientAddress: client }: LoginAttempt,
): RateLimitSubject[] {
  const providers = new Set(asked.map(({ provider }) => provider.name))
  return providers.size === 0
    ? [{ person, client, provider: null }]
    : [...providers].map((provider) => ({ person, client, provider }))
}

export async function refuse(subjects: readonly RateLimitSubject[], deps: AuthDeps): Promise<Verdict> {
  for (const subject of subjects.slice(0, 1)) await penalize(subject, deps)
  return MISMATCH
}

/** Counts a failed login. Where that fails, the password is wrong all the same. */
export async function penalize(
  subject: RateLimitSubject,
  { rateLimit, fromDatabase }: Pick<AuthDeps, 'rateLimit' | 'fromDatabase'>,
): Promise<void> {
  await fromDatabase(rateLimit.penalize(subject)).catch(() => undefined)
}

/** What the source's yes proved. */
interface Proof {
  /** Null: of a password that is kept already. */
  readonly hash: string | null
  /** The account's password when the login looked at it; null: there was no account. */
  readonly seenHash: string | null
  /** The password, where it is wanted as the credential; null: the kept one still opens the mailbox. */
  readonly credential: string | null
}

/** Writes what the source's yes proved. @throws AccountChanged when the account has another password than was seen */
export async function provision(candidate: Candidate, proof: Proof, deps: AuthDeps): Promise<Verdict> {
  const { hash: passwordHash, seenHash, credential } = proof
  const sealed = credential === null ? null : await sealedFor(candidate, credential, deps)
  const home = expandHome(deps.home, candidate.address)
  const proven = { ...candidate, home, passwordHash, seenHash, sealed }
  const account = await deps.fromDatabase(deps.provisioner.provision(proven))
  // The database tells others a moment later.
  deps.onProvisioned(candidate.address.text)
  if (account === 'changed') throw new AccountChanged()
  if (account === 'collision') return COLLISION
  return account === null ? MISMATCH : admit(account)
}

function sealedFor({ address, provider, oldUsername }: Candidate, password: string, { sealer }: AuthDeps) {
  return sealer.seal({ address: address.text, provider: provider.name, username: oldUsername, password })
}

/** Right, and yet not to be let in: two people, or one with two names, want what only one can have. */
export const COLLISION = tempfail(
  'collision',
  new Error('somebody else has it: "postferry report" tells who wants what'),
)

export function admit(account: Account): Verdict {
  return account.enabled ? { verdict: 'ok', account } : DISABLED
}

export function provisional(account: Account): Verdict {
  return account.enabled ? { verdict: 'ok', account, isProvisional: true } : DISABLED
}

export function refusal(answer: Exclude<SourceAnswer, { kind: 'yes' }>): Verdict {
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

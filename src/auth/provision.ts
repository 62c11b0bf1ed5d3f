import type { Account } from '../model/account.ts'
import { expandHome } from '../model/home.ts'
import { DISABLED, EXPIRED, MISMATCH, tempfail, type Verdict } from '../model/verdict.ts'
import type { SourceAnswer } from '../source/ports.ts'
import type { Attempt, Deps } from './authenticate.ts'
import type { Origin } from './origins.ts'
import type { Suspect } from './ports.ts'
import { Changed, during } from './unavailable.ts'

// How a sign-in ends: what is written, what is counted, what is said.

/** Somebody is counted once, whoever is asked. */
export function suspectsOf(person: string, asked: readonly Origin[], { clientAddress: client }: Attempt): Suspect[] {
  const providers = new Set(asked.map(({ provider }) => provider.name))
  return providers.size === 0
    ? [{ person, client, provider: null }]
    : [...providers].map((provider) => ({ person, client, provider }))
}

export async function refuse(suspects: readonly Suspect[], { failures }: Deps): Promise<Verdict> {
  // Counted or not: the password is wrong.
  for (const suspect of suspects.slice(0, 1)) await during('database', failures.count(suspect)).catch(() => undefined)
  return MISMATCH
}

/** What is kept of somebody whom the source let in. */
interface Proved {
  /** Null: a password that is kept already. */
  readonly hash: string | null
  /** The account's password when the sign-in looked at it; null: there was no account. */
  readonly seenHash: string | null
  /** The password, where the migration needs it; null: what it has still opens the mailbox. */
  readonly credential: string | null
}

/** Writes what the source's yes proved. @throws Changed when the account has another password by now than was seen */
export async function capture(origin: Origin, proved: Proved, deps: Deps): Promise<Verdict> {
  const { hash: passwordHash, seenHash, credential } = proved
  const sealed = credential === null ? null : await sealedFor(origin, credential, deps)
  const home = expandHome(deps.home, origin.address)
  const arrival = { ...origin, home, passwordHash, seenHash, sealed }
  const account = await during('database', deps.captures.capture(arrival))
  if (account === 'changed') throw new Changed()
  if (account === 'collision') return COLLISION
  return account === null ? MISMATCH : admit(account)
}

function sealedFor({ address, provider, oldUsername }: Origin, password: string, { sealer }: Deps) {
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

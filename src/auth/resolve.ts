import { type Address, inDomain } from '../model/address.ts'
import { isSameMailbox, oldUsername } from '../model/provider.ts'
import type { SourceMailbox } from '../source/ports.ts'
import type { AuthDeps, Awaited, KnownAccount, SourceDomain } from './ports.ts'

/** A mailbox at the source that a login may mean, and the address that its owner gets on the destination. */
export interface Candidate extends SourceMailbox {
  readonly address: Address
}

/** Whom a typed address may mean. */
export interface Resolved {
  /** What the person is called on the destination. */
  readonly person: Address
  readonly known: KnownAccount | null
  /** Nobody is let in, whatever the source says. */
  readonly isClosed: boolean
  /** Who gets the address when the source says yes: one, unless several old domains became this one. */
  readonly entitled: readonly Candidate[]
  /** Who would get the address as well, were it not somebody else's already. */
  readonly rivals: readonly Candidate[]
  /** The address was typed as it is at the source, and on the destination it is another person's. */
  readonly isRival: boolean
}

/** Looks up whom an address means: whose it is already goes before whose it could be. */
export async function resolve(
  typed: Address,
  { userdb, fromDatabase }: Pick<AuthDeps, 'userdb' | 'fromDatabase'>,
): Promise<Resolved> {
  const sources = await fromDatabase(userdb.sourceDomainsOf(typed.domain))
  const person = inDomain(typed, sources[0]?.newDomain ?? typed.domain)
  const known = await fromDatabase(userdb.accountOf(person.text))
  const awaited = known === null && sources.length > 0 ? await fromDatabase(userdb.awaited(person.text)) : null
  const isClosed = known === null ? isFinished(awaited) : !known.account.enabled
  const named = sources.map((source) => candidateOf(typed, person, source))
  // Nobody comes from a closed domain any more: only those are asked for who are here.
  const open = named.filter((_, at) => sources[at]?.isClosed === false)
  const from = known === null ? awaited : known.from
  if (from === null) return { person, known, isClosed, entitled: known ? [] : once(open), rivals: [], isRival: false }
  const owner = { ...from, address: person }
  const isOthers = (one: Candidate) => !isSameMailbox(one, owner)
  // Under the new name either of them may be meant.
  const isRival = typed.text !== person.text && named.some(isOthers)
  const isTaken = known !== null || !sources.some(({ oldDomain, isClosed }) => isClosed && oldDomain === from.oldDomain)
  const entitled = isTaken && !isRival ? [owner] : []
  return { person, known, isClosed, entitled, rivals: once(open.filter(isOthers)), isRival }
}

function isFinished(awaited: Awaited | null): boolean {
  return awaited?.closed ?? false
}

function candidateOf(typed: Address, person: Address, { provider, oldDomain }: SourceDomain): Candidate {
  return { address: person, provider, oldDomain, oldUsername: oldUsername(provider, inDomain(typed, oldDomain)) }
}

/** Each mailbox once: domains that share one are asked for it once. */
function once(candidates: readonly Candidate[]): Candidate[] {
  return candidates.filter((one, at) => candidates.findIndex((other) => isSameMailbox(one, other)) === at)
}

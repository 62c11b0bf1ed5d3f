import { type Address, inDomain } from '../model/address.ts'
import { oldUsername } from '../model/provider.ts'
import type { SourceMailbox } from '../source/ports.ts'
import type { Awaited, Directory, KnownAccount, SourceDomain } from './ports.ts'
import { during } from './unavailable.ts'

/** Where a person's account is at the source, and what it is called on the destination. */
export interface Origin extends SourceMailbox {
  readonly address: Address
}

/** Who may be meant by an address that was typed. */
export interface Meant {
  /** What the person is called on the destination. */
  readonly person: Address
  readonly known: KnownAccount | null
  /** Even the source's yes lets nobody in. */
  readonly isClosed: boolean
  /**
   * Who may have the address on the destination, by the source's word: one, unless several old domains became this one.
   */
  readonly entitled: readonly Origin[]
  /** Who would have the address as well, were it not somebody else's already. */
  readonly rivals: readonly Origin[]
  /** The address was typed as it is at the source, and on the destination it is the person's of another old domain. */
  readonly isRival: boolean
}

/** Looks up who is meant: whose the address is already goes before whose it could be. */
export async function meant(typed: Address, directory: Directory): Promise<Meant> {
  const sources = await during('database', directory.sourceDomainsOf(typed.domain))
  const person = inDomain(typed, sources[0]?.newDomain ?? typed.domain)
  const known = await during('database', directory.accountOf(person.text))
  const awaited = known === null && sources.length > 0 ? await during('database', directory.awaited(person.text)) : null
  const isClosed = known === null ? isGivenUp(awaited) : !known.account.enabled
  const named = sources.map((source) => originOf(typed, person, source))
  const from = known === null ? awaited : known.from
  if (from === null) return { person, known, isClosed, entitled: known ? [] : once(named), rivals: [], isRival: false }
  const owner = { ...from, address: person }
  const rivals = once(named.filter((one) => !isSame(one, owner)))
  // Under the new name either of them may be meant.
  const isRival = typed.text !== person.text && rivals.length > 0
  return { person, known, isClosed, entitled: isRival ? [] : [owner], rivals, isRival }
}

function isGivenUp(awaited: Awaited | null): boolean {
  return awaited?.closed ?? false
}

function originOf(typed: Address, person: Address, { provider, oldDomain }: SourceDomain): Origin {
  return { address: person, provider, oldDomain, oldUsername: oldUsername(provider, inDomain(typed, oldDomain)) }
}

/** Each person once: domains that share one mailbox are asked for it once. */
function once(origins: readonly Origin[]): Origin[] {
  return origins.filter((one, at) => origins.findIndex((other) => isSame(one, other)) === at)
}

/** Whether both are one person: of one domain, or by one name at one provider. */
function isSame(one: SourceMailbox, other: SourceMailbox): boolean {
  if (one.oldDomain === other.oldDomain) return true
  return one.provider.name === other.provider.name && one.oldUsername === other.oldUsername
}

import { setTimeout as pause } from 'node:timers/promises'
import type { SourceDomain } from '../auth/ports.ts'
import { type Address, inDomain, parseAddress, withoutDetail } from '../model/address.ts'
import { sourceOf } from '../model/domain.ts'
import { isSameMailbox, oldUsername, type Provider } from '../model/provider.ts'
import type { Owner, Owners } from './ports.ts'

/** Where a message is delivered. */
export type Delivery =
  | { readonly to: 'destination' }
  /** By the old server, which knows whether there is such a person. */
  | { readonly to: 'source'; readonly mx: Mx; readonly renamed: Address | null }
  /** Nobody is called so here, and there is no old server to ask. */
  | { readonly to: 'nobody' }

/** The mail exchanger of a provider. */
export interface Mx {
  readonly host: string
  readonly port: number
  readonly tls: Provider['mxTls']
}

export interface DeliveryDeps {
  readonly owners: Owners
  /** Waits for the database, but not for ever. @throws Unavailable */
  fromDatabase<T>(work: Promise<T>): Promise<T>
  /** What separates a sub-address's detail from the person; '' where there is none. */
  readonly recipientDelimiter: string
}

/**
 * Where a message to this recipient goes at this moment: to the destination when the person has signed in there, else by
 * the old server, as long as a provider serves the domain.
 * @throws Unavailable
 * @throws Held when a flip holds it for longer than mail waits
 * @throws NoMx when the old server, which alone may know the person, has none: it waits until somebody has set one
 */
export async function deliveryOf(
  recipient: string,
  { owners, fromDatabase, recipientDelimiter }: DeliveryDeps,
): Promise<Delivery> {
  const typed = parseAddress(recipient)
  if (typed === null) return { to: 'nobody' }
  const sources = await fromDatabase(owners.sourceDomainsOf(typed.domain))
  const person = withoutDetail(typed, recipientDelimiter)
  const newDomain = sources[0]?.newDomain ?? typed.domain
  const owner = await ownerOnceReleased(inDomain(person, newDomain).text, { owners, fromDatabase })
  const isTheirs = owner?.hasAccount === true && !(sources[0] && isAnothers(owner, person, sources[0]))
  if (isTheirs && owner.isHere) return { to: 'destination' }
  // Whom nobody knows here, a closed domain does not know either.
  const served = isTheirs ? sources : sources.filter(({ isClosed }) => !isClosed)
  const source = served.find(({ oldDomain }) => oldDomain === owner?.from?.oldDomain) ?? sourceOf(typed.domain, served)
  if (source === null) return { to: 'nobody' }
  const renamed = source.oldDomain === typed.domain ? null : inDomain(typed, source.oldDomain)
  return { to: 'source', mx: mxOf(source.provider), renamed }
}

/** A flip holds this person's mail: it is to be brought again. */
export class Held extends Error {}

/** Who is not here may be at an old server to which no mail is handed. */
export class NoMx extends Error {
  constructor(provider: string) {
    super(
      `who is not here may be at the old server, and provider ${provider} has no MX: postferry provider set ${provider} --mx HOST`,
    )
  }
}

/** Who delivers waits for so long, and then comes again later. */
const HELD_LIMIT_MS = 5_000
const LOOK_AGAIN_MS = 50

/** Whose an address is; who is held is waited for. @throws Held */
async function ownerOnceReleased(
  address: string,
  { owners, fromDatabase }: Pick<DeliveryDeps, 'owners' | 'fromDatabase'>,
): Promise<Owner | null> {
  for (const begun = performance.now(); ; await pause(LOOK_AGAIN_MS)) {
    const owner = await fromDatabase(owners.ownerOf(address))
    if (!owner?.isHeld) return owner
    if (performance.now() - begun > HELD_LIMIT_MS) throw new Held('a flip holds the mail of this person')
  }
}

/** @throws NoMx */
function mxOf({ name, mx, mxPort, mxTls }: Provider): Mx {
  if (mx === null) throw new NoMx(name)
  return { host: mx, port: mxPort, tls: mxTls }
}

/**
 * Of several domains that became one, this one's person has another mailbox than the one who has the address now: under the
 * old name it is still theirs.
 */
function isAnothers({ from }: Owner, person: Address, { provider, oldDomain, newDomain }: SourceDomain): boolean {
  if (from === null || person.domain === newDomain) return false
  return !isSameMailbox(from, { provider, oldDomain, oldUsername: oldUsername(provider, person) })
}

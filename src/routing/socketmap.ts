import { type Address, inDomain, parseAddress, parseDomain, withoutDetail } from '../model/address.ts'
import { within } from '../model/timeout.ts'
import type { AskedAddress, Recipient } from './recipients.ts'
import type { AnswerRequest } from './socketmap-server.ts'

/** What the maps are answered from. */
export interface SocketmapDeps {
  isOurs(domain: string): Promise<boolean>
  recipient(asked: AskedAddress): Promise<Recipient>
  /** Counts mail for somebody whom only the source knows. */
  countOnlyAtSource(address: string): void
  /** What separates a sub-address's detail from the person; '' where there is none. */
  readonly recipientDelimiter: string
  /** Told what kept us from answering. */
  onTrouble(map: string, cause: unknown): void
}

const NOT_FOUND = 'NOTFOUND '
/** Postfix waits 100 s, and its clients not so long. */
const LIMIT_MS = 4_000
/** Postfix takes no longer one. */
const MOST_BYTES = 100_000
/** An alias of an alias of …: none that is made here goes in a circle. */
const DEEPEST = 10

const MAPS: ReadonlyMap<string, (key: string, deps: SocketmapDeps) => Promise<string>> = new Map([
  ['domain', domain],
  ['recipient', byAddress(recipient)],
  ['alias', byAddress(alias)],
  ['sender_login', byAddress(senderLogin)],
  ['accepted', accepted],
])

/** Answers the requests of Postfix's socketmap_table(5). */
export function socketmap(deps: SocketmapDeps): AnswerRequest {
  return async (request) => {
    const blank = request.indexOf(' ')
    const name = request.slice(0, Math.max(blank, 0))
    const look = MAPS.get(name)
    if (look === undefined) return `PERM the maps are ${[...MAPS.keys()].join(', ')}`
    try {
      const answer = await within(LIMIT_MS, look(request.slice(blank + 1), deps))
      return Buffer.byteLength(answer) > MOST_BYTES ? 'PERM the answer is longer than Postfix takes' : answer
    } catch (cause) {
      deps.onTrouble(name, cause)
      return 'TEMP postferry cannot ask its database'
    }
  }
}

/** `virtual_mailbox_domains` */
async function domain(key: string, { isOurs }: SocketmapDeps): Promise<string> {
  const name = parseDomain(key)
  return name !== null && (await isOurs(name)) ? ok(name) : NOT_FOUND
}

type AddressMap = (asked: AskedAddress, found: Recipient, deps: SocketmapDeps) => string | Promise<string>

/** Postfix asks such a map for whole addresses only (DICT_FLAG_PATTERN): what it cuts off for others, we do. */
function byAddress(answer: AddressMap) {
  return async (key: string, deps: SocketmapDeps): Promise<string> => {
    const typed = parseAddress(key)
    if (typed === null) return NOT_FOUND
    const asked = askedFor(typed, deps)
    return await answer(asked, await deps.recipient(asked), deps)
  }
}

function askedFor(typed: Address, { recipientDelimiter }: SocketmapDeps): AskedAddress {
  return { typed, person: withoutDetail(typed, recipientDelimiter) }
}

/** `virtual_mailbox_maps`: whether mail for the address is taken, or its taking can be asked for at the source. */
function recipient({ typed }: AskedAddress, { owner, alias, served }: Recipient): string {
  if (owner !== null) return ok(owner)
  if (alias !== null || served === 'with mx') return ok(typed.text)
  if (served === null) return NOT_FOUND
  return 'TEMP this person has not come yet, and postferry knows no mail exchanger of the old server to ask'
}

/** `virtual_alias_maps`: other addresses that mail for this one goes to; Postfix asks for those in turn. */
function alias({ typed, person }: AskedAddress, { owner, alias }: Recipient): string {
  // Whose address it is goes before an alias that was there first. A detail stays.
  if (owner !== null) return owner === person.text ? NOT_FOUND : ok(inDomain(typed, domainOf(owner)).text)
  if (alias === null) return NOT_FOUND
  const isHere = alias.address === typed.text || alias.address === person.text
  return ok(isHere ? alias.targets.join(', ') : alias.address)
}

function domainOf(address: string): string {
  return address.slice(address.indexOf('@') + 1)
}

/** `smtpd_sender_login_maps`: who may send as this address, by what they sign in with. */
async function senderLogin(_: AskedAddress, found: Recipient, deps: SocketmapDeps): Promise<string> {
  const logins = new Set<string>()
  const seen = new Set<string>()
  let next = [found]
  for (let depth = 0; depth < DEEPEST && next.length > 0; depth++) {
    for (const { owner } of next) if (owner !== null) logins.add(owner)
    const targets = next.flatMap(({ owner, alias }) => (owner === null ? (alias?.targets ?? []) : []))
    const fresh = [...new Set(targets)].filter((target) => !seen.has(target))
    for (const target of fresh) seen.add(target)
    const addresses = fresh.map(parseAddress).filter((address) => address !== null)
    next = await Promise.all(addresses.map((address) => deps.recipient(askedFor(address, deps))))
  }
  return logins.size === 0 ? NOT_FOUND : ok([...logins].sort().join(', '))
}

/** `check_recipient_access`, behind the restrictions that refuse: nothing waits for what is counted here. */
async function accepted(key: string, deps: SocketmapDeps): Promise<string> {
  const count: AddressMap = ({ person }, { owner, alias, served }) => {
    if (owner === null && alias === null && served !== null) deps.countOnlyAtSource(person.text)
    return NOT_FOUND
  }
  byAddress(count)(key, deps).catch((cause) => deps.onTrouble('accepted', cause))
  return NOT_FOUND
}

function ok(value: string): string {
  return `OK ${value}`
}

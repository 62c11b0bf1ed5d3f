import type { Directory } from '../auth/ports.ts'
import type { Account } from '../model/account.ts'
import { type Address, inDomain, parseAddress, withoutDetail } from '../model/address.ts'
import type { Accounts } from './ports.ts'

const PAGE = 5_000

/** The account of a person, asked for by the old or the new address; null when there is none. Throws when away. */
export async function lookUp(
  username: string,
  { directory, recipientDelimiter }: { directory: Directory; recipientDelimiter: string },
): Promise<Account | null> {
  const typed = parseAddress(username)
  if (typed === null) return null
  const address = await addressOnNew(withoutDetail(typed, recipientDelimiter), directory)
  return (await directory.accountOf(address.text))?.account ?? null
}

async function addressOnNew(typed: Address, directory: Directory): Promise<Address> {
  const [source] = await directory.sourceDomainsOf(typed.domain)
  return source === undefined ? typed : inDomain(typed, source.newDomain)
}

/** Everybody who has an account, page by page: however many they are, and however slowly they are read. */
export async function* allAddresses({ addressesAfter }: Pick<Accounts, 'addressesAfter'>): AsyncGenerator<string[]> {
  for (let after = ''; ; ) {
    const page = await addressesAfter(after, PAGE)
    yield page
    if (page.length < PAGE) return
    after = page.at(-1) ?? ''
  }
}

import type { Account } from '../model/account.ts'
import { inDomain, parseAddress, withoutDetail } from '../model/address.ts'
import type { AuthDeps, Userdb } from './ports.ts'

const PAGE = 5_000

/** The account of a person, by the old or the new address; null: there is none. @throws Unavailable */
export async function lookUp(
  username: string,
  { userdb, fromDatabase, recipientDelimiter }: Pick<AuthDeps, 'userdb' | 'fromDatabase' | 'recipientDelimiter'>,
): Promise<Account | null> {
  const address = parseAddress(username)
  if (address === null) return null
  const typed = withoutDetail(address, recipientDelimiter)
  const [source] = await fromDatabase(userdb.sourceDomainsOf(typed.domain))
  const { text } = inDomain(typed, source?.newDomain ?? typed.domain)
  return (await fromDatabase(userdb.accountOf(text)))?.account ?? null
}

/** Everybody who has an account, page by page: however many they are, and however slowly they are read. */
export async function* allAddresses({ addressesAfter }: Pick<Userdb, 'addressesAfter'>): AsyncGenerator<string[]> {
  for (let after = ''; ; ) {
    const page = await addressesAfter(after, PAGE)
    yield page
    if (page.length < PAGE) return
    after = page.at(-1) ?? ''
  }
}

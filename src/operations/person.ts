import type { Account } from '../model/account.ts'
import { type Address, inDomain, parseAddress } from '../model/address.ts'
import type { Migration } from '../model/migration.ts'
import { Refused } from '../model/refused.ts'
import { address } from './fields.ts'
import { resolved, text } from './operation.ts'
import type { Accounts, Domains, Migrations } from './ports.ts'

// A person is named by the address on the destination, or by the one at the source.

interface Deps {
  readonly domains: Pick<Domains, 'list'>
}
type AccountDeps = Deps & { readonly accounts: Pick<Accounts, 'find'> }
type MigrationDeps = Deps & { readonly migrations: Pick<Migrations, 'find'> }

const BY_EITHER = 'the new or the old address'

/** An account that is there. */
export const account = resolved(text(address, BY_EITHER), accountOf)

/** A migration that is there. */
export const migration = resolved(text(address, BY_EITHER), migrationOf)

/** Who may be there no more, as the audit has it. */
export const person = resolved(text(address, `of this person, by ${BY_EITHER}`), async (typed, deps: Deps) => [
  await renamed(typed, deps),
])

/** Whatever the audit has entries about: anything by its name, and a person by either address. */
export const subject = resolved(
  text(String, `of this provider, domain or administrator, or of this person by ${BY_EITHER}`),
  async (name, deps: Deps) => {
    const typed = parseAddress(name)
    return typed === null ? [name] : [name, await renamed(typed, deps)]
  },
)

/** @throws Refused */
async function accountOf(typed: Address, deps: AccountDeps): Promise<Account> {
  return await either(typed, deps, deps.accounts, `there is no account ${typed.text}`)
}

/** @throws Refused */
export async function migrationOf(typed: Address, deps: MigrationDeps): Promise<Migration> {
  return await either(typed, deps, deps.migrations, `there is no migration of ${typed.text}`)
}

/** What people are called on the destination when these are their addresses at the source. */
export async function renamedAll(all: readonly Address[], { domains }: Deps): Promise<string[]> {
  const newDomains = new Map((await domains.list()).map(({ name, newDomain }) => [name, newDomain]))
  return all.map((typed) => inDomain(typed, newDomains.get(typed.domain) ?? typed.domain).text)
}

async function renamed(typed: Address, deps: Deps): Promise<string> {
  return (await renamedAll([typed], deps))[0] ?? typed.text
}

async function either<T>(
  typed: Address,
  deps: Deps,
  among: { find(address: string): Promise<T | null> },
  absence: string,
): Promise<T> {
  const found = (await among.find(typed.text)) ?? (await among.find(await renamed(typed, deps)))
  if (found === null) throw new Refused('not-found', absence)
  return found
}

import { type Address, inDomain } from '../model/address.ts'
import { Refused } from '../model/refused.ts'
import type { House } from './house.ts'

type People = Pick<House, 'accounts' | 'domains'>
type Movers = { readonly migrations: Pick<House['migrations'], 'find'>; readonly domains: House['domains'] }

/**
 * The address on the destination of an account that is named by that, or by the address at the source.
 * @throws Refused when there is no such account
 */
export async function addressOnNew(house: People, typed: Address): Promise<string> {
  return await whoeverIs(house, typed, house.accounts, `there is no account ${typed.text}`)
}

/**
 * The address on the destination of a person with a migration, who may have no account yet.
 * @throws Refused when there is no such migration
 */
export async function migrationOnNew(house: Movers, typed: Address): Promise<string> {
  return await whoeverIs(house, typed, house.migrations, `there is no migration of ${typed.text}`)
}

/** What a person is called on the destination when this is the address at the source. */
export async function renamed(house: Pick<House, 'domains'>, typed: Address): Promise<string> {
  return (await renaming(house))(typed)
}

/** The same for many. */
export async function renaming({ domains }: Pick<House, 'domains'>): Promise<(typed: Address) => string> {
  const newDomains = new Map((await domains.list()).map(({ name, newDomain }) => [name, newDomain]))
  return (typed) => inDomain(typed, newDomains.get(typed.domain) ?? typed.domain).text
}

async function whoeverIs(
  house: Pick<House, 'domains'>,
  typed: Address,
  among: { find(address: string): Promise<object | null> },
  absence: string,
): Promise<string> {
  for (const address of [typed.text, await renamed(house, typed)]) {
    if ((await among.find(address)) !== null) return address
  }
  throw new Refused('not-found', absence)
}

export function noMigration(name: string): Refused {
  return new Refused('not-found', `${name} has no migration`)
}

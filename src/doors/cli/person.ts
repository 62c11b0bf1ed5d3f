import { type Address, inDomain } from '../../model/address.ts'
import { EXIT, Failure } from './exit.ts'
import type { House } from './house.ts'

/**
 * The address on NEW of an account that is named by that, or by the address on OLD.
 * @throws Failure when there is no such account
 */
export async function addressOnNew({ accounts, domains }: House, typed: Address): Promise<string> {
  if ((await accounts.find(typed.text)) !== null) return typed.text
  const renamed = (await domains.list()).find(({ name }) => name === typed.domain)
  const address = renamed === undefined ? typed : inDomain(typed, renamed.newDomain)
  if ((await accounts.find(address.text)) !== null) return address.text
  throw new Failure(EXIT.data, `there is no account ${typed.text}`)
}

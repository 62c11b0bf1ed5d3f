import type { Provider } from '../../model/provider.ts'
import { Refused } from '../../model/refused.ts'
import type { House } from '../../operations/house.ts'

/** @throws Refused */
export async function namedProvider({ providers }: Pick<House, 'providers'>, name: string): Promise<Provider> {
  const provider = await providers.find(name)
  if (provider === null) throw noProvider(name)
  return provider
}

export function noProvider(name: string): Refused {
  return new Refused('not-found', `there is no provider ${name} (postferry provider list shows them)`)
}

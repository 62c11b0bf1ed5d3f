import type { Provider } from '../../model/provider.ts'
import type { House } from '../../operations/house.ts'
import { Missing } from '../../operations/mistakes.ts'

/** @throws Missing */
export async function namedProvider({ providers }: Pick<House, 'providers'>, name: string): Promise<Provider> {
  const provider = await providers.find(name)
  if (provider === null) throw noProvider(name)
  return provider
}

export function noProvider(name: string): Missing {
  return new Missing(`there is no provider ${name} (postferry provider list shows them)`)
}

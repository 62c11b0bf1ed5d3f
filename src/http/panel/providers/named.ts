import { Type } from 'typebox'
import type { Provider } from '../../../model/provider.ts'
import type { PanelHouse } from '../house.ts'
import { notFound } from '../trouble.ts'

export const Named = Type.Object({ name: Type.String({ maxLength: 64 }) })

/** @throws Refused */
export async function found({ providers }: Pick<PanelHouse, 'providers'>, name: string): Promise<Provider> {
  const provider = await providers.find(name)
  if (provider === null) throw notFound()
  return provider
}

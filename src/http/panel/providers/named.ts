import { Type } from 'typebox'
import type { Provider } from '../../../model/provider.ts'
import type { PanelHouse } from '../house.ts'
import { NotFound } from '../trouble.ts'

export const Named = Type.Object({ name: Type.String({ maxLength: 64 }) })

/** @throws NotFound */
export async function found({ providers }: Pick<PanelHouse, 'providers'>, name: string): Promise<Provider> {
  const provider = await providers.find(name)
  if (provider === null) throw new NotFound()
  return provider
}

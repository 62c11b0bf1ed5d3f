import { Refused } from '../model/refused.ts'
import { resolved, text } from './operation.ts'
import type { Providers } from './ports.ts'

/** The provider that something refers to. */
export function providerField(about: string) {
  return resolved(text(String, about), async (name, { providers }: { readonly providers: Pick<Providers, 'find'> }) => {
    const provider = await providers.find(name)
    if (provider === null) throw new Refused('invalid', `There is no provider ${name}.`)
    return provider
  })
}

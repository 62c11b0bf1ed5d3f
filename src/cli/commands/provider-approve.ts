import { existsSync } from 'node:fs'
import type { Command } from 'commander'
import { endpointOf, endpointText, isSameEndpoint } from '../../model/endpoint.ts'
import type { Provider } from '../../model/provider.ts'
import type { House } from '../../operations/house.ts'
import type { CliDeps } from '../deps.ts'
import { by, withReason } from '../terminal/actor.ts'
import { examples } from '../terminal/arguments.ts'
import { printDone } from '../terminal/output.ts'
import { namedProvider } from './named-provider.ts'

export function addApprove(provider: Command, { open }: CliDeps): void {
  const approve = provider
    .command('approve')
    .description(
      'on the copying host: let this host send kept passwords to where the provider is now, and go on copying from it',
    )
    .argument('<name>')
  examples(
    withReason(approve).option('--json', 'print the endpoint, and how many migrations go on, as JSON'),
    'postferry provider approve old',
  ).action(async (name: string, options: { json?: boolean; reason?: string }) => {
    await using house = await open()
    const endpoint = endpointOf(await namedProvider(house, name))
    house.endpoints.approve(name, endpoint)
    const who = by(options)
    const text = endpointText(endpoint)
    await house.audit.record(name, { ...who, action: 'provider.approve', detail: text })
    const stopped = { filter: { provider: name, state: 'failed', code: 'endpoint-changed' } } as const
    const { changed } = await house.bulk.carryOut('retry', stopped, who)
    const migrations = changed.reduce((sum, { count }) => sum + count, 0)
    const goOn = migrations === 0 ? '' : `; ${migrations} migrations that had stopped for it go on`
    await printDone(
      { provider: name, ...endpoint, migrations },
      `this host sends kept passwords to ${name} at ${text}${goOn}`,
      options,
    )
  })
}

/**
 * After a test that went well: where nothing was approved on this host yet, the tested endpoint is. Returns what there
 * is to say about it; null: this host sends no kept passwords, or all is as it was approved.
 */
export async function approveTested(provider: Provider, house: House): Promise<string | null> {
  if (!existsSync(house.settings.identityFile)) return null
  const { endpoints } = house
  const { name } = provider
  const endpoint = endpointOf(provider)
  const approved = endpoints.approved(name)
  if (approved === null) {
    endpoints.trust(name, endpoint)
    await house.audit.record(name, { ...by({}), action: 'provider.approve', detail: endpointText(endpoint) })
    return `this host sends kept passwords to ${endpointText(endpoint)} from now on`
  }
  if (isSameEndpoint(approved, endpoint)) return null
  return `this host sends kept passwords to ${endpointText(approved)} only: postferry provider approve ${name}`
}

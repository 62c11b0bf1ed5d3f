import type { Command } from 'commander'
import { type Domain, mergingText } from '../../model/domain.ts'
import { domainAdded } from '../../operations/domain-added.ts'
import type { CliDeps } from '../deps.ts'
import { by, withReason } from '../terminal/actor.ts'
import { domain as domainName, examples } from '../terminal/arguments.ts'
import { EXIT, Failure } from '../terminal/exit.ts'
import { printDone, printList } from '../terminal/output.ts'
import { domainList } from '../terminal/rows.ts'
import { namedProvider } from './named-provider.ts'

interface AddOptions {
  readonly provider: string
  readonly newDomain?: string
  readonly sharedNames?: boolean
  readonly reason?: string
  readonly json?: boolean
}

export function addDomainCommands(postferry: Command, deps: CliDeps): void {
  const domain = postferry.command('domain').description('mail domains that people come from')
  addAdd(domain, deps)
  addList(domain, deps)
  addRemove(domain, deps)
}

function addAdd(domain: Command, { open }: CliDeps): void {
  const add = domain
    .command('add')
    .description('let the people of a domain sign in')
    .argument('<domain>', 'as it is on the old server', domainName)
    .requiredOption('--provider <name>', 'who serves it')
    .option('--new-domain <domain>', 'what it is called on the new server (usual: the same)', domainName)
    .option(
      '--shared-names',
      'the provider is asked without the domain, and whoever has one name in several of its domains is one person',
    )
    .option('--json', 'print the domain as JSON')
  examples(
    withReason(add),
    'postferry domain add old.example --provider old',
    'postferry domain add old.example --provider old --new-domain new.example',
  ).action(async (name: string, options: AddOptions) => {
    const { newDomain = name, sharedNames: sharesNames = false } = options
    const added: Domain = { name, newDomain, provider: options.provider }
    await using house = await open()
    const provider = await namedProvider(house, options.provider)
    await house.domains.add({ ...added, sharesNames }, by(options))
    const test = `postferry provider test ${provider.name}`
    const renamed = newDomain === name ? null : `on the new server it is ${newDomain}`
    const said = [domainAdded(name, provider, test), renamed, mergingText(added, await house.domains.list())]
    await printDone(domainList.row(added), said.filter((part) => part !== null).join('; '), options)
  })
}

function addList(domain: Command, { open }: CliDeps): void {
  const list = domain.command('list').description('list the domains').option('--json', 'print one JSON array')
  examples(list, 'postferry domain list').action(async (options) => {
    await using house = await open()
    await printList(await house.domains.list(), domainList, options)
  })
}

function addRemove(domain: Command, { open }: CliDeps): void {
  const remove = domain
    .command('remove')
    .description('let nobody new of a domain sign in any more; accounts stay')
    .argument('<domain>', 'as it is on the old server', domainName)
    .option('--json', 'print the removed domain as JSON')
  examples(withReason(remove), 'postferry domain remove old.example').action(async (name: string, options) => {
    await using house = await open()
    const removed = (await house.domains.list()).find((domain) => domain.name === name)
    if (removed === undefined || !(await house.domains.remove(name, by(options)))) {
      throw new Failure(EXIT.data, `there is no domain ${name} (postferry domain list shows them)`)
    }
    await printDone(domainList.row(removed), `domain ${name} is removed`, options)
  })
}

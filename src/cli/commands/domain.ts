import type { Command } from 'commander'
import { addDomain, domainAdded, domainRemoved, listDomains, removeDomain } from '../../operations/domains.ts'
import type { CliDeps } from '../deps.ts'
import { addListing, addOperation } from '../terminal/operation-command.ts'

export function addDomainCommands(postferry: Command, deps: CliDeps): void {
  const domain = postferry.command('domain').description('mail domains that are being moved')
  addOperation(domain, 'add', addDomain, deps, {
    arguments: ['domain'],
    json: 'the domain',
    examples: [
      'postferry domain add old.example --provider old',
      'postferry domain add old.example --provider old --new-domain new.example',
    ],
    done({ domain: { name, newDomain }, provider, merging }) {
      const added = domainAdded(name, provider, `postferry provider test ${provider.name}`)
      const renamed = newDomain === name ? null : `on the new server it is ${newDomain}`
      return [added, renamed, merging].filter((part) => part !== null).join('; ')
    },
  })
  addListing(domain, 'list', listDomains, deps, {
    columns: ['domain', 'new_domain', 'provider', 'closed'],
    examples: ['postferry domain list'],
  })
  addOperation(domain, 'remove', removeDomain, deps, {
    arguments: ['domain'],
    json: 'the domain as it is now',
    examples: ['postferry domain remove old.example'],
    done: domainRemoved,
  })
}

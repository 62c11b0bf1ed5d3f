import type { Command } from 'commander'
import { addAlias, listAliases, removeAlias } from '../../operations/aliases.ts'
import type { CliDeps } from '../deps.ts'
import { addListing, addOperation } from '../terminal/operation-command.ts'

export function addAliasCommands(postferry: Command, deps: CliDeps): void {
  const alias = postferry.command('alias').description('addresses whose mail goes to others')
  addOperation(alias, 'add', addAlias, deps, {
    arguments: ['address'],
    json: 'the alias, and the targets of whom nothing is known here',
    examples: [
      'postferry alias add sales@new.example --target anna@new.example --target bert@new.example',
      'postferry import aliases.csv',
    ],
    done({ alias: { address, targets }, unknown }) {
      const warning = `; nothing is known here of ${unknown.join(', ')}: check the spelling`
      return `mail for ${address} goes to ${targets.join(', ')}${unknown.length > 0 ? warning : ''}`
    },
  })
  addListing(alias, 'list', listAliases, deps, {
    columns: ['address', 'targets'],
    examples: ['postferry alias list'],
  })
  addOperation(alias, 'remove', removeAlias, deps, {
    arguments: ['address'],
    json: 'what was removed',
    examples: [
      'postferry alias remove sales@new.example',
      'postferry alias remove sales@new.example --target bert@new.example',
    ],
    done: ({ address, targets }) => `mail for ${address} does not go to ${targets.join(', ')} any more`,
  })
}

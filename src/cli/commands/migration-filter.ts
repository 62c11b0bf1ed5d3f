import { type Command, Option } from 'commander'
import { STATES } from '../../model/migration.ts'
import type { House } from '../../operations/house.ts'
import type { MigrationFilter } from '../../operations/ports.ts'
import { namedProvider } from '../../operations/providers.ts'
import { code, domain, search } from '../terminal/arguments.ts'

const FIELDS = ['state', 'provider', 'domain', 'code', 'search', 'closing'] as const

/** Which migrations a command is about. */
export function withFilter(command: Command): Command {
  return command
    .addOption(new Option('--state <state>', 'in this state').choices(STATES))
    .option('--provider <name>', 'from this provider')
    .option('--domain <domain>', 'from this domain of the old server', domain)
    .option('--code <code>', 'failed or not proved, with this code', code)
    .option('--search <text>', 'with this in the address or the old user name', search)
    .option('--closing', 'to be finished by "postferry sync"')
}

/** What `withFilter` has read among a command's options. */
export function filterOf(options: MigrationFilter): MigrationFilter {
  return Object.fromEntries(FIELDS.flatMap((name) => (options[name] === undefined ? [] : [[name, options[name]]])))
}

/** @throws Failure when the filter names a provider that is not there */
export async function requireProvider({ provider }: MigrationFilter, { providers }: House): Promise<void> {
  if (provider !== undefined) await namedProvider(provider, { providers })
}

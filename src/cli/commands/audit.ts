import type { Command } from 'commander'
import type { Address } from '../../model/address.ts'
import { renamed } from '../../operations/person.ts'
import type { CliDeps } from '../deps.ts'
import { address, examples, time } from '../terminal/arguments.ts'
import { printList } from '../terminal/output.ts'
import { auditList } from '../terminal/rows.ts'

export function addAuditCommands(postferry: Command, { open }: CliDeps): void {
  const audit = postferry.command('audit').description('who changed what, and why')
  const list = audit
    .command('list')
    .description('list the changes, the newest first')
    .option('--address <address>', 'of this person, by the new or the old address', address)
    .option('--since <time>', 'not before this time, as 2026-11-23 or 2026-11-23T14:00', time)
    .option('--json', 'print one JSON array')
  examples(
    list,
    'postferry audit list --since 2026-11-23',
    'postferry audit list --address anna@new.example --json',
  ).action(async (options: { address?: Address; since?: Date; json?: boolean }) => {
    await using house = await open()
    const { address, since } = options
    const subject = address && (await renamed(house, address))
    const filter = { ...(subject !== undefined && { subject }), ...(since !== undefined && { since }) }
    await printList(house.audit.list(filter), auditList, options)
  })
}

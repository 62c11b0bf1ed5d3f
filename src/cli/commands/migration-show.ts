import type { Command } from 'commander'
import type { Address } from '../../model/address.ts'
import type { Outcome } from '../../model/attempt.ts'
import type { AuditEntry } from '../../model/audit.ts'
import type { Migration } from '../../model/migration.ts'
import type { House } from '../../operations/house.ts'
import { NEXT_STEPS } from '../../operations/next-steps.ts'
import { migrationOnNew, noMigration } from '../../operations/person.ts'
import { credentialRow } from '../../operations/rows.ts'
import type { CliDeps } from '../deps.ts'
import { address, examples } from '../terminal/arguments.ts'
import { ledgerLine } from '../terminal/ledger-text.ts'
import { type ListShape, print, printList, printRecord } from '../terminal/output.ts'
import { attemptList, auditList, migrationList } from '../terminal/rows.ts'
import { visibleLines } from '../terminal/text.ts'

const ATTEMPTS_SHOWN = 10
const ENTRIES_SHOWN = 20

export function addShow(migration: Command, { open }: CliDeps): void {
  const show = migration
    .command('show')
    .description('show everything about a migration: attempts, ledger, credential (not the password), last changes')
    .argument('<address>', 'the new or the old address', address)
    .option('--json', 'print one JSON object')
  examples(show, 'postferry migration show anna@new.example').action(
    async (typed: Address, options: { json?: boolean }) => {
      await using house = await open()
      const name = await migrationOnNew(house, typed)
      const found = await house.migrations.find(name)
      if (found === null) throw noMigration(name)
      const fields = await fieldsOf(found, house)
      const attempts = await house.attempts.last(found.id, ATTEMPTS_SHOWN)
      const entries = await lastEntries(house, name)
      if (options.json) {
        const lists = { attempts: attempts.map(attemptList.row), audit: entries.map(auditList.row) }
        return await printRecord({ ...fields, ...lists }, options)
      }
      await printRecord(fields, options)
      await printTable(attempts, attemptList)
      await printTable(entries, auditList)
      const lastOutput = attempts[0]?.output ?? ''
      if (lastOutput !== '') await print(`\nThe last attempt said:\n${visibleLines(lastOutput)}`)
    },
  )
}

async function printTable<T>(list: readonly T[], shape: ListShape<T>): Promise<void> {
  if (list.length === 0) return
  await print('\n')
  await printList(list, shape, {})
}

async function fieldsOf(found: Migration, { ledgers, credentials }: House): Promise<Record<string, unknown>> {
  const facts = await credentials.factsOf(found.address)
  return {
    ...migrationList.row(found),
    remedy: NEXT_STEPS[found.code as Outcome] ?? null,
    ledger: ledgerLine(await ledgers.find(found.id)),
    ...credentialRow(facts),
  }
}

async function lastEntries({ audit }: House, subject: string): Promise<AuditEntry[]> {
  const entries: AuditEntry[] = []
  for await (const entry of audit.list({ subject })) {
    entries.push(entry)
    if (entries.length === ENTRIES_SHOWN) break
  }
  return entries
}

import type { Command } from 'commander'
import { auditRow } from '../../operations/audit.ts'
import { attemptRow, type MigrationFacts, showMigration } from '../../operations/migrations.ts'
import type { Said } from '../../operations/operation.ts'
import { progressParts } from '../../operations/progress-words.ts'
import type { CliDeps } from '../deps.ts'
import { differenceRows, ledgerLine } from '../terminal/ledger-text.ts'
import { addRecord } from '../terminal/operation-command.ts'
import { type ListShape, print, printList, printRecord } from '../terminal/output.ts'
import { visibleLines } from '../terminal/text.ts'
import { AUDIT_COLUMNS } from './audit.ts'

export function addShow(migration: Command, deps: CliDeps): void {
  addRecord(migration, 'show', showMigration, deps, {
    arguments: ['address'],
    examples: [
      'postferry migration show anna@new.example',
      'postferry migration show anna@new.example --differences-limit 20',
    ],
    note: 'The differences of the ledger are printed when --differences-from or --differences-limit says which.',
    show,
  })
}

async function show(facts: MigrationFacts, said: Said): Promise<void> {
  const { attempts, audit, ledger, differences, ...fields } = showMigration.answer.row(facts) as Record<string, unknown>
  await printRecord({ ...fields, ledger: ledgerLine(facts.ledger) }, {})
  await printTable(facts.attempts, {
    row: attemptRow,
    columns: ['started_at', 'host', 'seconds', 'outcome', 'folders', 'messages'],
  })
  await printTable(facts.entries, { row: auditRow, columns: AUDIT_COLUMNS })
  const progress = facts.attempts[0]?.progress ?? null
  if (progress !== null) await print(`\nNow: ${progressParts(progress).join(', ')}\n`)
  const lastOutput = facts.attempts[0]?.output ?? ''
  if (lastOutput !== '') await print(`\nThe last attempt said:\n${visibleLines(lastOutput)}`)
  if ('differences_from' in said || 'differences_limit' in said) await printDifferences(facts)
}

async function printDifferences({ differences: { rows, next } }: MigrationFacts): Promise<void> {
  const more = next === null ? '' : `the next ones: --differences-from ${next}\n`
  await print(`\n${rows.length === 0 ? 'no differences there\n' : differenceRows(rows)}${more}`)
}

async function printTable<T>(list: readonly T[], shape: ListShape<T>): Promise<void> {
  if (list.length === 0) return
  await print('\n')
  await printList(list, shape, {})
}

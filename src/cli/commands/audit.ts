import type { Command } from 'commander'
import { listAudit } from '../../operations/audit.ts'
import type { CliDeps } from '../deps.ts'
import { addListing } from '../terminal/operation-command.ts'

export const AUDIT_COLUMNS = ['at', 'actor', 'action', 'subject', 'detail', 'reason']

export function addAuditCommands(postferry: Command, deps: CliDeps): void {
  const audit = postferry.command('audit').description('who changed what, and why')
  addListing(audit, 'list', listAudit, deps, {
    columns: AUDIT_COLUMNS,
    examples: [
      'postferry audit list --since 2026-11-23',
      'postferry audit list --address anna@new.example --json',
      'postferry audit list --action migration.pause --actor cli:root',
    ],
  })
}

import type { Command } from 'commander'
import type { Address } from '../../model/address.ts'
import type { BulkAction, BulkOutcome } from '../../operations/bulk.ts'
import type { House } from '../../operations/house.ts'
import type { MigrationFilter } from '../../operations/ports.ts'
import { by } from '../terminal/actor.ts'
import { EXIT, Failure } from '../terminal/exit.ts'
import { print } from '../terminal/output.ts'
import { json } from '../terminal/text.ts'
import { filterOf, requireProvider, withFilter } from './migration-filter.ts'

export interface BulkOptions extends MigrationFilter {
  readonly all?: boolean
  readonly dryRun?: boolean
  readonly json?: boolean
  readonly reason?: string
}

/** One person by the address, or all who match. */
export function withBulk(command: Command): Command {
  const all = command.option('--all', 'everybody, or everybody who matches the options below')
  return withFilter(all).option('--dry-run', 'with --all: only tell what would change')
}

/** @returns the address; null: all who match @throws Failure when it is not clear who is meant */
export function oneOrAll(typed: Address | undefined, options: BulkOptions): Address | null {
  const usage = (what: string) => new Failure(EXIT.usage, `${what} (--help shows how)`)
  if (options.all) {
    if (typed !== undefined) throw usage('an address and --all exclude each other')
    return null
  }
  if (options.dryRun || Object.keys(filterOf(options)).length > 0) throw usage('filters and --dry-run need --all')
  if (typed === undefined) throw usage('say who: an address, or --all')
  return typed
}

/** Takes the step for all who match, or tells what it would change. */
export async function carryOutBulk(action: BulkAction, options: BulkOptions, house: House): Promise<void> {
  const { dryRun = false } = options
  const filter = filterOf(options)
  await requireProvider(filter, house)
  const outcome = await (dryRun
    ? house.bulk.preview(action, { filter })
    : house.bulk.carryOut(action, { filter }, by(options)))
  await print(options.json ? `${json({ dry_run: dryRun, ...outcome })}\n` : outcomeText(action, outcome, dryRun))
}

/** What changes although the state does not. */
const UNMOVED: Readonly<Partial<Record<BulkAction, string>>> = {
  retry: 'due now',
  finish: 'finished as soon as a last attempt has a clean ledger',
}

function outcomeText(action: BulkAction, { changed, refused }: BulkOutcome, dryRun: boolean): string {
  const lines = [
    ...changed.map(({ from, to, count }) => `${count} ${from} → ${from === to ? (UNMOVED[action] ?? to) : to}`),
    ...refused.map(({ reason, count }) => `${count} refused: ${reason}`),
  ]
  const total = changed.reduce((sum, { count }) => sum + count, 0)
  return [`${total} migrations ${dryRun ? 'would change' : 'changed'}`, ...lines].map((line) => `${line}\n`).join('')
}

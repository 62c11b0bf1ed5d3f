import type { Command } from 'commander'
import { count as number } from '../../model/count.ts'
import type { Migration } from '../../model/migration.ts'
import type { BulkOutcome } from '../../operations/bulk-outcome.ts'
import type { Deps, OperationDeps } from '../../operations/deps.ts'
import { changeMigrations, type Word } from '../../operations/migration-changes.ts'
import { FILTER } from '../../operations/migrations.ts'
import { type Described, type Fields, type Operation, optional, type Said } from '../../operations/operation.ts'
import type { CliDeps } from '../deps.ts'
import { EXIT, Failure } from '../terminal/exit.ts'
import { CALLER, commandOf, saidIn } from '../terminal/operation-command.ts'
import { print, printDone } from '../terminal/output.ts'
import { json } from '../terminal/text.ts'

const { action: _, addresses: __, ...MANY } = changeMigrations.fields

/** Makes an operation on one migration a command that does the same to many with --all. */
export function addChange<F extends Fields>(
  parent: Command,
  word: Word,
  operation: Operation<F, Migration, OperationDeps>,
  { open }: CliDeps,
): void {
  const examples = [
    `postferry migration ${word} anna@new.example`,
    `postferry migration ${word} --all --provider old --dry-run`,
  ]
  const { command, read } = changeCommand(parent, word, operation, examples)
  command.action(async (...given: unknown[]) => {
    const said = read(given)
    await using deps = await open()
    if (said.all === 'true') return await changeAll(word, said, deps, command.opts())
    const migration = await deps.perform(operation, said, CALLER())
    const done = `the migration of ${migration.address} is ${migration.state}${UNMOVED[word] ?? ''}`
    await printDone(operation.answer.row(migration), done, command.opts())
  })
}

/** A command that is about one address or, with --all, about many; reading says which. */
export function changeCommand(parent: Command, word: Word, one: Described, examples: readonly string[]) {
  const { address, ...own } = one.fields
  const fields: Fields = { ...(address && { address: optional(address) }), ...own, ...MANY }
  const described = { ...one, fields }
  const shape = { arguments: ['address'], examples }
  const command = commandOf(parent, word, described, shape)
  command.option('--json', 'print the migration, or with --all the counts, as JSON')
  const read = (given: readonly unknown[]) => {
    const said = saidIn(described, shape, command, given)
    refuseUnclear(said)
    return said
  }
  return { command, read }
}

/** @throws Failure when it is not clear who is meant */
function refuseUnclear({ address, all, dry_run: dryRun, ...said }: Said): void {
  const usage = (what: string) => new Failure(EXIT.usage, `${what} (--help shows how)`)
  if (all === 'true') {
    if (address !== undefined) throw usage('an address and --all exclude each other')
    return
  }
  const isFiltered = Object.keys(FILTER).some((name) => said[name] !== undefined)
  if (dryRun !== undefined || isFiltered) throw usage('filters and --dry-run need --all')
  if (address === undefined) throw usage('say who: an address, or --all')
}

export async function changeAll(word: Word, said: Said, deps: Deps, options: { json?: boolean }): Promise<void> {
  const outcome = await deps.perform(changeMigrations, { ...said, action: word }, CALLER())
  const row = changeMigrations.answer.row(outcome)
  await print(options.json ? `${json(row)}\n` : outcomeText(word, outcome))
}

/** What changes although the state does not. */
const UNMOVED: Readonly<Partial<Record<Word, string>>> = {
  retry: '; its next attempt is due now',
  flip: '; the person comes to the new server as soon as the mirror is ready',
  'stop-flip':
    '; neither a flip nor a finish is requested any more: the person stays on the old server for now, unless the provider flips by itself (postferry provider stop-flips)',
  finish: '; it is finished as soon as a last attempt has a clean ledger',
}

function outcomeText(word: Word, { isDryRun, changed, refused }: BulkOutcome): string {
  const lines = [
    ...changed.map(
      ({ from, to, count }) => `${number(count)} ${from === to ? `${to}${UNMOVED[word] ?? ''}` : `${from} → ${to}`}`,
    ),
    ...refused.map(({ reason, count }) => `${number(count)} refused: ${reason}`),
  ]
  const total = changed.reduce((sum, { count }) => sum + count, 0)
  return [`${number(total)} migrations ${isDryRun ? 'would change' : 'changed'}`, ...lines]
    .map((line) => `${line}\n`)
    .join('')
}

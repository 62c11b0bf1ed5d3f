import type { Command } from 'commander'
import { NOT_COMPARED, sentence } from '../../ledger/words.ts'
import { CouldNotAsk, NotKept, totalOf } from '../../model/ledger.ts'
import { showMigration } from '../../operations/migrations.ts'
import { verifying } from '../../operations/verify.ts'
import type { CliDeps } from '../deps.ts'
import { EXIT, Failure } from '../terminal/exit.ts'
import { ledgerText } from '../terminal/ledger-text.ts'
import { CALLER, commandOf, saidIn } from '../terminal/operation-command.ts'
import { print } from '../terminal/output.ts'
import { ComparisonProgress } from '../terminal/progress.ts'
import { json } from '../terminal/text.ts'

export function addVerifyCommand(postferry: Command, { open, becomeOwner }: CliDeps): void {
  const described = verifying()
  const shape = {
    ...{ arguments: ['address'] as const },
    note: NOT_COMPARED,
    examples: ['postferry verify anna@new.example', 'postferry verify anna@new.example --json'],
  }
  const command = commandOf(postferry, 'verify', described, shape)
  command
    .option('--strict', 'end with 65 also for what was changed on the new server after the copy')
    .option('--json', 'print the whole ledger as one JSON object')
    .action(async (...given: unknown[]) => {
      const said = saidIn(described, shape, command, given)
      const options = command.opts<{ strict?: boolean; json?: boolean }>()
      becomeOwner()
      await using deps = await open()
      const { ledger: before } = await deps.perform(showMigration, { address: said.address }, CALLER())
      using progress = new ComparisonProgress(before && totalOf(before.folders).messages)
      const verified = await deps.perform(verifying({ watch: progress.tell }), said, CALLER()).catch(explainNoLedger)
      progress.clear()
      const { migration, ledger } = verified
      const row = described.answer.row(verified)
      await print(options.json ? `${json(row)}\n` : ledgerText(migration.address, ledger))
      if (ledger.code !== null || (options.strict && totalOf(ledger.folders).changes > 0)) {
        throw new Failure(EXIT.data, `${migration.address} ${sentence(ledger)}`)
      }
    })
}

const EXITS: Partial<Record<CouldNotAsk['code'], number>> = {
  'credential-refused': EXIT.permission,
  'no-credential': EXIT.unavailable,
  'endpoint-changed': EXIT.permission,
}

const REMEDIES: Partial<Record<CouldNotAsk['code'], string>> = {
  'credential-refused': ' (postferry migration set-password)',
  'endpoint-changed': ' (postferry provider approve)',
}

/** Why there is no ledger, as the end of a command. */
function explainNoLedger(error: unknown): never {
  if (error instanceof NotKept) throw new Failure(EXIT.tempfail, error.message)
  if (!(error instanceof CouldNotAsk)) throw error
  const remedy = REMEDIES[error.code] ?? ''
  throw new Failure(EXITS[error.code] ?? EXIT.tempfail, `${error.message}${remedy}: nothing is changed`)
}

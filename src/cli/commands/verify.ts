import type { Command } from 'commander'
import type { Address } from '../../model/address.ts'
import { CouldNotAsk, type Ledger, NotKept, totalOf } from '../../model/ledger.ts'
import { NOT_COMPARED, sentence } from '../../model/ledger-words.ts'
import { migrationOnNew } from '../../operations/person.ts'
import { differenceRow, ledgerSummary } from '../../operations/rows.ts'
import type { CliDeps } from '../deps.ts'
import { by, withReason } from '../terminal/actor.ts'
import { address, examples } from '../terminal/arguments.ts'
import { EXIT, Failure } from '../terminal/exit.ts'
import { ledgerText } from '../terminal/ledger-text.ts'
import { print } from '../terminal/output.ts'
import { json } from '../terminal/text.ts'
import { showProgress } from '../terminal/verify-progress.ts'

interface Options {
  accept?: boolean
  strict?: boolean
  json?: boolean
  reason?: string
}

export function addVerifyCommand(postferry: Command, { open, becomeOwner }: CliDeps): void {
  const verify = postferry
    .command('verify')
    .description('compare a person on the old and the new server message by message; run it on the copying host')
    .argument('<address>', 'the new or the old address', address)
    .option('--accept', 'everything that differs now is right as it is, from now on')
    .option('--strict', 'end with 65 also for what was changed on the new server after the copy')
    .option('--json', 'print the whole ledger as one JSON object')
  verify.addHelpText('after', `\n${NOT_COMPARED}`)
  examples(withReason(verify), 'postferry verify anna@new.example', 'postferry verify anna@new.example --json').action(
    async (typed: Address, { accept = false, strict = false, json: asJson, reason }: Options) => {
      becomeOwner()
      await using house = await open()
      const name = await migrationOnNew(house, typed)
      using progress = showProgress()
      const ledger = await house
        .verify(name, { watch: progress.watch, ...(accept && { acceptedBy: by({ reason }) }) })
        .catch(explainNoLedger)
      progress.end()
      await print(asJson ? `${json(ledgerRow(name, ledger))}\n` : ledgerText(name, ledger))
      if (ledger.code !== null || (strict && totalOf(ledger.folders).changes > 0)) {
        throw new Failure(EXIT.data, `${name} ${sentence(ledger)}`)
      }
    },
  )
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
export function explainNoLedger(error: unknown): never {
  if (error instanceof NotKept) throw new Failure(EXIT.tempfail, error.message)
  if (!(error instanceof CouldNotAsk)) throw error
  const remedy = REMEDIES[error.code] ?? ''
  throw new Failure(EXITS[error.code] ?? EXIT.tempfail, `${error.message}${remedy}: nothing is changed`)
}

function ledgerRow(name: string, ledger: Ledger): Record<string, unknown> {
  return { address: name, ...ledgerSummary(ledger), differences: ledger.differences.map(differenceRow) }
}

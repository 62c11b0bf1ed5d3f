import type { Command } from 'commander'
import type { Address } from '../../model/address.ts'
import { CouldNotAsk, type Ledger, totalOf } from '../../model/ledger.ts'
import { sentence } from '../../model/ledger-words.ts'
import { decodeName } from '../../model/mailbox.ts'
import { address, examples } from './arguments.ts'
import { EXIT, Failure } from './exit.ts'
import type { Outside } from './house.ts'
import { ledgerText } from './ledger-text.ts'
import { print } from './output.ts'
import { migrationOnNew } from './person.ts'
import { json } from './text.ts'
import { showProgress } from './verify-progress.ts'

interface Options {
  accept?: boolean
  strict?: boolean
  json?: boolean
}

export function addVerifyCommand(mailferry: Command, { open }: Outside): void {
  const verify = mailferry
    .command('verify')
    .description('compare a person on the old and the new server message by message; run it on the copying host')
    .argument('<address>', 'the new or the old address', address)
    .option('--accept', 'everything that differs now is right as it is, from now on')
    .option('--strict', 'end with 65 also for what was changed on the new server after the copy')
    .option('--json', 'print the whole ledger as one JSON object')
  examples(verify, 'mailferry verify anna@new.example', 'mailferry verify anna@new.example --json').action(
    async (typed: Address, { accept = false, strict = false, json: asJson }: Options) => {
      await using house = await open()
      const name = await migrationOnNew(house, typed)
      using progress = showProgress()
      const ledger = await house.verify(name, { accept, watch: progress.watch }).catch(explainNoLedger)
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
}

/** Why there is no ledger, as the end of a command. */
export function explainNoLedger(error: unknown): never {
  if (!(error instanceof CouldNotAsk)) throw error
  const remedy = error.code === 'credential-refused' ? ' (mailferry migration set-password)' : ''
  throw new Failure(EXITS[error.code] ?? EXIT.tempfail, `${error.message}${remedy}: nothing is changed`)
}

/** The names of the fields are a contract with whoever reads `--json`. */
function ledgerRow(name: string, ledger: Ledger): Record<string, unknown> {
  const { messages, proved, extra, duplicated, counts, faults, changes } = totalOf(ledger.folders)
  return {
    ...{ address: name, clean: ledger.code === null, code: ledger.code, taken_at: ledger.takenAt },
    ...{
      seconds: ledger.seconds,
      fetched: ledger.fetched,
      messages,
      proved,
      extra,
      duplicated,
      faults,
      changes,
      counts,
    },
    folders: ledger.folders.map(({ provedUids, acceptedUids, uidValidity, ...folder }) => ({
      ...folder,
      name: decodeName(folder.name),
      uid_validity: uidValidity,
    })),
    differences: ledger.differences.map(({ messageId, folder, ...difference }) => ({
      ...difference,
      folder: decodeName(folder),
      message_id: messageId,
    })),
  }
}

import { type Command, Option } from 'commander'
import type { JobReport } from '../../copying/run-job.ts'
import type { Ending } from '../../copying/schedule.ts'
import type { Address } from '../../model/address.ts'
import type { By } from '../../model/audit.ts'
import { ACTIVE_STATES, type Migration, requestFinish } from '../../model/migration.ts'
import type { House } from '../../operations/house.ts'
import { NEXT_STEPS } from '../../operations/next-steps.ts'
import { migrationOnNew, noMigration } from '../../operations/person.ts'
import { SettingsError } from '../../settings.ts'
import type { CliDeps } from '../deps.ts'
import { by, withReason } from '../terminal/actor.ts'
import { address, examples } from '../terminal/arguments.ts'
import { EXIT, Failure } from '../terminal/exit.ts'
import { printDone } from '../terminal/output.ts'
import { migrationList } from '../terminal/rows.ts'
import { type BulkOptions, carryOutBulk, oneOrAll, withBulk } from './migration-bulk.ts'
import { ATTEMPT_LIMIT_MINUTES, oneJob, stopSignal } from './sync-one.ts'
import { explainNoLedger } from './verify.ts'

interface Options extends BulkOptions {
  readonly force?: boolean
  readonly queue?: boolean
}

export function addFinish(migration: Command, deps: CliDeps): void {
  const finish = migration
    .command('finish')
    .description(
      'make a last attempt, compare, then copy no mail any more and erase the credential; run it on the copying host',
    )
    .argument('[address]', 'the new or the old address', address)
    .option(
      '--force',
      'without a last attempt and a clean ledger, or when the person has never come: says what is lost',
    )
    .addOption(new Option('--queue', 'let "postferry sync" do it, wherever it runs').conflicts('force'))
  const json = withBulk(finish).option('--json', 'print the migration, or with --all the counts, as JSON')
  examples(
    withReason(json),
    'postferry migration finish anna@new.example',
    'postferry migration finish anna@new.example --queue',
    'postferry migration finish --queue --all --state synced --dry-run',
    'postferry migration finish anna@new.example --force --reason agreed',
  ).action(async (typed: Address | undefined, options: Options) => {
    const one = oneOrAll(typed, options)
    if (one === null && !options.queue) throw new Failure(EXIT.usage, 'finish --all needs --queue (--help shows how)')
    if (!options.queue) deps.becomeOwner()
    await using house = await deps.open()
    if (one === null) return await carryOutBulk('finish', options, house)
    const name = await migrationOnNew(house, one)
    const done = options.queue ? await queue(name, house, options) : await finishNow(name, house, deps, options)
    if (done === null) throw noMigration(name)
    await printDone(migrationList.row(done.migration), done.sentence, options)
  })
}

interface Done {
  readonly migration: Migration
  readonly sentence: string
}

async function queue(name: string, { migrations }: House, options: Options): Promise<Done | null> {
  const migration = await migrations.take(name, requestFinish, { ...by(options), action: 'migration.request-finish' })
  const sentence = `postferry sync finishes the migration of ${name} as soon as a last attempt has a clean ledger`
  return migration && { migration, sentence }
}

async function finishNow(name: string, house: House, deps: CliDeps, options: Options): Promise<Done | null> {
  const proof = options.force ? null : await makeLastAttempt(name, house, deps, by(options))
  const finished =
    proof === null
      ? await house.finish(name, options.force ?? false, by(options))
      : { migration: await house.migrations.find(name), proof }
  if (finished === null || finished.migration === null) return null
  return { migration: finished.migration, sentence: `the migration of ${name} is done now; ${finished.proof}` }
}

const FORCED = '--force finishes without a last attempt, and what is not across is lost'
/** The ledger decides. */
const COMPARED: readonly Ending[] = ['complete', 'ledger-differs', 'ledger-lost', 'ledger-shrunk']

/**
 * So that nothing stays behind that came to the source since the last one. Ends with a ledger of this moment; returns
 * what it proves when the migration was to be finished by any attempt, and is; else null.
 */
async function makeLastAttempt(name: string, house: House, deps: CliDeps, who: By): Promise<string | null> {
  const migration = await house.migrations.find(name)
  // Why the others cannot be finished is known without one.
  if (migration === null || !ACTIVE_STATES.includes(migration.state)) return null
  const stop = stopSignal()
  const { ending, waitMs, proof } = await attempt(migration, deps, who, stop)
  if (ending === 'unchanged') await house.verify(name, { signal: stop }).catch(explainNoLedger)
  else if (!COMPARED.includes(ending)) {
    const remedy = waitMs === null ? (NEXT_STEPS[ending] ?? '') : 'try again'
    const why = `the last attempt for ${name} ended with ${ending}: ${remedy}`
    throw new Failure(waitMs === null ? EXIT.data : EXIT.tempfail, `${why} (${FORCED})`)
  }
  return proof
}

async function attempt(migration: Migration, deps: CliDeps, who: By, stop: AbortSignal): Promise<JobReport> {
  try {
    const limitMs = ATTEMPT_LIMIT_MINUTES * 60_000
    await using copying = await deps.openCopying({ takesOver: false, early: true, limitMs, by: who })
    return await oneJob(copying, migration, stop, () => undefined)
  } catch (error) {
    if (error instanceof SettingsError) {
      throw new Failure(EXIT.config, `${error.message}; finish is for the copying host (${FORCED})`)
    }
    if (error instanceof Failure) throw new Failure(error.exitCode, `${error.message} (${FORCED})`)
    throw error
  }
}

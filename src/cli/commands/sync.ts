import { type Command, Option } from 'commander'
import { keepErasing } from '../../copying/retention.ts'
import type { Ending } from '../../copying/schedule.ts'
import { type Watcher, work } from '../../copying/worker.ts'
import type { WorkerDeps } from '../../copying/worker-deps.ts'
import type { Address } from '../../model/address.ts'
import { ACTIVE_STATES, type Migration } from '../../model/migration.ts'
import { nextStep } from '../../operations/next-steps.ts'
import { migrationOf } from '../../operations/person.ts'
import type { CliDeps } from '../deps.ts'
import { address, examples, upTo } from '../terminal/arguments.ts'
import { EXIT, Failure } from '../terminal/exit.ts'
import { stopSignal } from '../terminal/stop-signal.ts'
import { Failures } from '../terminal/sync-failures.ts'
import { Progress } from '../terminal/sync-progress.ts'
import { ATTEMPT_LIMIT_MINUTES, oneJob } from './sync-one.ts'

interface Options {
  once?: boolean
  account?: Address
  slots: number
  timeLimit: number
  adopt?: boolean
  quiet?: boolean
  json?: boolean
}

const SLOTS = 2
const SLOTS_LIMIT = 64

export function addSyncCommand(postferry: Command, deps: CliDeps): void {
  const sync = postferry
    .command('sync')
    .description('copy the mail of all active migrations until SIGTERM, SIGINT or SIGHUP; several may share the work')
    .option('--once', 'exit when all migrations that are due have been processed')
    .option('--account <address>', 'one person, now, at any hour; the new or the old address', address)
    .option('--slots <n>', 'so many people at a time', upTo(SLOTS_LIMIT), SLOTS)
    .option(
      '--time-limit <minutes>',
      'end an attempt after this; the next goes on',
      upTo(10_000),
      ATTEMPT_LIMIT_MINUTES,
    )
    .option('--adopt', 'also take people whose sync state is lost: where no other worker runs with it')
    .option('--quiet', 'print what failed, and nothing when nothing did: for cron')
    .addOption(new Option('--json', 'print a JSON object per line').conflicts('quiet'))
  examples(
    sync,
    'postferry sync',
    'postferry sync --slots 4',
    'postferry sync --once --quiet',
    'postferry sync --account anna@new.example',
  ).action(async (options: Options) => {
    const stop = stopSignal()
    await using worker = await deps.openCopying({
      takesOver: options.adopt === true,
      early: options.account !== undefined,
      limitMs: options.timeLimit * 60_000,
    })
    // Before anything is told: there may be nothing to do.
    const one = options.account === undefined ? null : await activeMigration(options.account, worker)
    using watcher = watcherFor(options)
    if (one !== null) await syncOne(one, worker, watcher, stop)
    else {
      const { slots, once = false } = options
      const outgrown = new AbortController()
      using _watching = worker.watchSchema((reason) => outgrown.abort(reason))
      const drain = outgrown.signal
      const [stranded] = await Promise.all([
        work(worker, watcher, { slots, once, stop, drain }),
        keepErasing(worker, watcher, { once, stop: AbortSignal.any([stop, drain]) }),
      ])
      drain.throwIfAborted()
      if (once && stranded.length > 0) process.exitCode = EXIT.unavailable
    }
  })
}

function watcherFor({ quiet, json }: Options): Watcher & Disposable {
  if (quiet) return new Failures((text) => process.stderr.write(text))
  return new Progress({
    isTerminal: process.stdout.isTTY,
    asJson: json === true,
    write: (text) => process.stdout.write(text),
  })
}

async function activeMigration(typed: Address, deps: WorkerDeps): Promise<Migration> {
  const migration = await migrationOf(typed, deps)
  if (!ACTIVE_STATES.includes(migration.state)) {
    throw new Failure(
      EXIT.data,
      `the migration of ${migration.address} is ${[migration.state, migration.code].filter(Boolean).join(': ')}`,
    )
  }
  return migration
}

async function syncOne(migration: Migration, deps: WorkerDeps, watcher: Watcher, stop: AbortSignal): Promise<void> {
  const report = await oneJob(deps, migration, stop, watcher.message)
  watcher.ended(report)
  process.exitCode = exitCodeOf(report.ending, report.waitMs)
  if (report.waitMs === null && !report.isFinished)
    process.stderr.write(`postferry: ${nextStep(report.ending) ?? report.ending}\n`)
}

function exitCodeOf(ending: Ending, waitMs: number | null): number {
  if (ending === 'complete' || ending === 'unchanged') return 0
  return waitMs === null ? EXIT.data : EXIT.tempfail
}

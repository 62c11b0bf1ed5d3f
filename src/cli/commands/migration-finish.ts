import { setTimeout as wait } from 'node:timers/promises'
import { type Command, Option } from 'commander'
import { proofOf } from '../../ledger/words.ts'
import { type Outcome, PASSING } from '../../model/attempt.ts'
import type { Migration } from '../../model/migration.ts'
import { isRefused, Refused } from '../../model/refused.ts'
import type { Deps } from '../../operations/deps.ts'
import { type Finished, finishMigration } from '../../operations/finish.ts'
import { type MigrationStatus, migrationStatus, showMigration } from '../../operations/migrations.ts'
import { nextStep } from '../../operations/next-steps.ts'
import type { Caller, Said } from '../../operations/operation.ts'
import { SettingsError } from '../../settings.ts'
import type { CliDeps } from '../deps.ts'
import { EXIT, Failure } from '../terminal/exit.ts'
import { CALLER } from '../terminal/operation-command.ts'
import { printDone } from '../terminal/output.ts'
import { CountProgress } from '../terminal/progress.ts'
import { stopSignal } from '../terminal/stop-signal.ts'
import { visible } from '../terminal/text.ts'
import { changeAll, changeCommand } from './migration-change.ts'
import { ATTEMPT_LIMIT_MINUTES, oneJob } from './sync-one.ts'

const POLL_MS = 1_000
const FORCED = '--force finishes anyway, and loses what is not on the new server'

export function addFinish(parent: Command, cli: CliDeps): void {
  const { command, read } = changeCommand(parent, 'finish', finishMigration, [
    'postferry migration finish anna@new.example',
    'postferry migration finish anna@new.example --queue',
    'postferry migration finish --queue --all --state synced --dry-run',
    'postferry migration finish anna@new.example --force --reason agreed',
  ])
  const queue = new Option('--queue', 'return at once: "postferry sync" finishes it').conflicts('force')
  command.addOption(queue).action(async (...given: unknown[]) => {
    const said = read(given)
    const options = command.opts<{ queue?: boolean; json?: boolean }>()
    if (said.all === 'true' && !options.queue) {
      throw new Failure(EXIT.usage, 'finish --all needs --queue (--help shows how)')
    }
    if (!options.queue) cli.becomeOwner()
    const stop = options.queue ? null : stopSignal()
    await using deps = await cli.open()
    if (stop?.aborted) throw new Failure(EXIT.tempfail, 'interrupted: nothing is requested')
    if (said.all === 'true') return await changeAll('finish', said, deps, options)
    const finished = stop === null ? await ask(said, deps) : await askAndWait(said, deps, cli, stop)
    await printDone(await finishMigration.answer.row(finished), sentenceOf(finished), options)
  })
}

function sentenceOf({ migration: { address }, proof }: Finished): string {
  return proof === null
    ? `postferry sync finishes the migration of ${address} as soon as a last attempt has a clean ledger`
    : `the migration of ${address} is done now; ${proof}`
}

async function ask(said: Said, deps: Deps): Promise<Finished> {
  try {
    return await deps.perform(finishMigration, said, CALLER())
  } catch (error) {
    const mayForce = said.force === undefined && isRefused(error, 'conflict')
    throw mayForce ? new Refused('conflict', `${error.message}; ${FORCED}`) : error
  }
}

async function askAndWait(said: Said, deps: Deps, cli: CliDeps, stop: AbortSignal): Promise<Finished> {
  const caller = CALLER()
  const before = await deps.perform(migrationStatus, said, caller)
  const asked = await ask(said, deps)
  if (asked.proof !== null) return asked
  await workOff(asked.migration, cli, { ...caller, reason: (said.reason as string | undefined) ?? null }, stop)
  return await new Waiting(asked.migration, before, deps, caller).end(stop)
}

/** Makes the last attempt on this host, where that is possible: this is a copying host, and nobody else copies it. */
async function workOff(
  migration: Migration,
  { openCopying }: CliDeps,
  by: { readonly actor: string; readonly reason: string | null },
  stop: AbortSignal,
): Promise<void> {
  try {
    const limitMs = ATTEMPT_LIMIT_MINUTES * 60_000
    await using copying = await openCopying({ takesOver: false, early: true, limitMs, by })
    using progress = new CountProgress(`messages of ${migration.address} copied`)
    let copied = 0
    await oneJob(copying, migration, stop, () => progress.tell(++copied))
  } catch (error) {
    if (!(error instanceof SettingsError || error instanceof Failure)) throw error
    tell(`not copied by this command: ${error.message}`)
  }
}

/** Waits for the attempt that answers a request, whoever makes it. */
class Waiting {
  readonly #migration: Migration
  readonly #deps: Deps
  readonly #caller: Caller
  /** Attempts up to this one do not answer. */
  readonly #lastId: bigint
  #told = ''

  constructor(migration: Migration, { lastAttempt }: MigrationStatus, deps: Deps, caller: Caller) {
    this.#migration = migration
    this.#deps = deps
    this.#caller = caller
    this.#lastId = BigInt(lastAttempt?.id ?? 0)
  }

  /** @throws Failure what keeps it from being finished */
  async end(stop: AbortSignal): Promise<Finished> {
    const { address } = this.#migration
    for (;;) {
      const status = await this.#deps.perform(migrationStatus, { address }, this.#caller)
      const { migration } = status
      if (migration.state === 'done') {
        return { migration, proof: proofOf(await this.#deps.ledgers.find(migration.id)) }
      }
      await this.#refuseEnded(status)
      if (stop.aborted) throw this.#failure(EXIT.tempfail, 'interrupted')
      await this.#tellWho(status)
      await wait(POLL_MS, undefined, { signal: stop }).catch(() => undefined)
    }
  }

  async #refuseEnded({ migration, lastAttempt }: MigrationStatus): Promise<void> {
    const { address, state, code, isFinishRequested } = migration
    if (!isFinishRequested) throw new Failure(EXIT.data, `somebody took the request back: ${address} is ${state}`)
    if (state === 'failed') throw this.#failure(EXIT.data, `it failed with ${code}: ${nextStep(code) ?? ''}`)
    if (lastAttempt === null || BigInt(lastAttempt.id) <= this.#lastId) return
    const { outcome } = lastAttempt
    if (outcome === null || PASSING.includes(outcome)) return
    if (outcome.startsWith('ledger-')) throw this.#failure(EXIT.data, await this.#ledgerSentence(outcome))
    throw this.#failure(EXIT.tempfail, `the last attempt for ${address} ended with ${outcome}: it is tried again`)
  }

  async #ledgerSentence(outcome: Outcome): Promise<string> {
    const { address } = this.#migration
    const { ledger } = await this.#deps.perform(showMigration, { address }, this.#caller)
    return `${proofOf(ledger)}: ${nextStep(outcome) ?? ''}`
  }

  async #tellWho({ migration, lastAttempt }: MigrationStatus): Promise<void> {
    const isRunning = lastAttempt !== null && lastAttempt.endedAt === null
    const hosts = isRunning ? [lastAttempt.host] : await this.#deps.copyingHosts.workersFor(migration.id)
    if (hosts.length === 0) {
      throw this.#failure(EXIT.tempfail, `no "postferry sync" runs that could copy ${migration.address}`)
    }
    const text = isRunning ? `${hosts[0]} copies it` : `waiting for postferry sync on ${hosts.join(' or ')}`
    if (text !== this.#told) tell(text)
    this.#told = text
  }

  #failure(exitCode: number, why: string): Failure {
    const back = `it stays to be finished ("postferry migration resume ${this.#migration.address}" takes that back)`
    return new Failure(exitCode, `${why}; ${back}; ${FORCED}`)
  }
}

function tell(text: string): void {
  process.stderr.write(`${visible(text)}\n`)
}

import type { By } from '../model/audit.ts'
import { finish, type Migration } from '../model/migration.ts'
import { Refusal } from '../model/refusal.ts'
import type { Ledgers } from './ledger-ports.ts'
import type { Migrations } from './records.ts'

export interface FinishSurroundings {
  readonly migrations: Pick<Migrations, 'find' | 'take'>
  readonly ledgers: Pick<Ledgers, 'latest'>
}

export interface Finished {
  readonly migration: Migration
  /** What is known of the copy: proved, not proved, or never looked at. */
  readonly proof: string
}

/**
 * Finishes a migration, which erases its credential. Null: there is no such migration.
 * @throws Refusal unless `force`, when the person never came, or when the last ledger names differences
 */
export async function finishMigration(
  address: string,
  force: boolean,
  by: By,
  { migrations, ledgers }: FinishSurroundings,
): Promise<Finished | null> {
  const before = await migrations.find(address)
  if (before === null) return null
  const ledger = await ledgers.latest(before.id)
  const looked = ledger?.takenAt.toISOString()
  if (!force && before.state === 'awaited') {
    throw new Refusal(`${address} has never come: --force gives up waiting, and refuses who comes later`)
  }
  if (!force && ledger !== null && ledger.code !== null) {
    throw new Refusal(
      `the ledger of ${address} (${looked}) names differences: --force finishes without what is missing`,
    )
  }
  const proof =
    ledger === null
      ? 'the copy was never compared with the old server'
      : `the ledger of ${looked} ${ledger.code === null ? 'is clean' : 'names differences'}`
  const detail = `${before.state} → done, ${proof}`
  const migration = await migrations.take(address, finish, { ...by, action: 'migration.finish', detail })
  return migration === null ? null : { migration, proof }
}

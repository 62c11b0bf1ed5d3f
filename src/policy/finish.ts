import type { By } from '../model/audit.ts'
import type { Ledger } from '../model/ledger.ts'
import { codeOf } from '../model/ledger-code.ts'
import { proofOf } from '../model/ledger-words.ts'
import { ACTIVE_STATES, finish, type Migration } from '../model/migration.ts'
import { Refusal } from '../model/refusal.ts'
import type { CopyingState, Ledgers } from './ledger-ports.ts'
import type { Copying } from './ports.ts'
import type { Migrations } from './records.ts'

export interface FinishSurroundings {
  readonly migrations: Pick<Migrations, 'find' | 'take'>
  readonly ledgers: Pick<Ledgers, 'find'>
  readonly copying: Copying
  readonly copyingState: Pick<CopyingState, 'forgetProofs'>
}

export interface Finished {
  readonly migration: Migration
  /** What is known of the copy: proved, what is lost, or never looked at. */
  readonly proof: string
}

/**
 * Finishes a migration, which erases its credential. Null: there is no such migration.
 * @throws Refusal unless `force`, when the person never came, is being copied or not active, or has no clean ledger
 */
export async function finishMigration(
  address: string,
  force: boolean,
  by: By,
  { migrations, ledgers, copying, copyingState }: FinishSurroundings,
): Promise<Finished | null> {
  const before = await migrations.find(address)
  if (before === null) return null
  const ledger = judged(await ledgers.find(before.id))
  if (!force) {
    const objected = objection(before, ledger, (await copying.migrationIds()).includes(before.id))
    if (objected !== null) throw new Refusal(objected)
  }
  const proof = proofOf(ledger)
  const detail = `${before.state} → done, ${proof}`
  const migration = await migrations.take(address, finish, { ...by, action: 'migration.finish', detail })
  if (migration === null) return null
  copyingState.forgetProofs(migration.id)
  return { migration, proof }
}

/** By what is asked of a last ledger. */
function judged<T extends Pick<Ledger, 'folders'>>(ledger: T | null): T | null {
  return ledger && { ...ledger, code: codeOf(ledger.folders, 'finish') }
}

const FORCED = '--force finishes all the same, and gives up what is not on the new server'

/** Why a migration is finished by force only, and what that loses. A finished one objects by itself. */
function objection(
  { address, state, pausedFrom, code }: Migration,
  ledger: Ledger | null,
  isCopied: boolean,
): string | null {
  if (state === 'done') return null
  if (state === 'awaited' || pausedFrom === 'awaited') {
    return `${address} has never come: --force gives up waiting, and refuses who comes later`
  }
  if (isCopied) return `${address} is being copied: finish it afterwards, or cut that off with --force`
  if (!ACTIVE_STATES.includes(state)) {
    const how = state === 'paused' ? 'resume it first' : `${code}: "mailferry migration show" says what to do`
    return `no last attempt can be made for ${address}, who is ${state} (${how}); ${proofOf(ledger)}; ${FORCED}`
  }
  if (ledger === null) return `${proofOf(ledger)}: run "mailferry verify ${address}" first; ${FORCED}`
  if (ledger.code === null) return null
  return `${proofOf(ledger)}; ${FORCED}`
}

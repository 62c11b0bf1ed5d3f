import type { DigestCaches } from '../ledger/ports.ts'
import type { By } from '../model/audit.ts'
import type { Ledger } from '../model/ledger.ts'
import { codeOf } from '../model/ledger-code.ts'
import { proofOf } from '../model/ledger-words.ts'
import { ACTIVE_STATES, type Migration } from '../model/migration.ts'
import { Refused } from '../model/refused.ts'
import type { Migrations } from './ports.ts'

export interface FinishDeps {
  readonly migrations: Pick<Migrations, 'finish'>
  readonly digests: Pick<DigestCaches, 'remove'>
}

export interface Finished {
  readonly migration: Migration
  /** What is known of the copy: proved, what is lost, or never looked at. */
  readonly proof: string
}

/**
 * Finishes a migration, which erases its credential. Null: there is no such migration.
 * @throws Refused unless `force`, when the person never came, is being copied or not active, or has no clean ledger
 */
export async function finishMigration(
  address: string,
  force: boolean,
  by: By,
  { migrations, digests }: FinishDeps,
): Promise<Finished | null> {
  let proof = ''
  const migration = await migrations.finish(address, (found) => {
    const ledger = judged(found.ledger)
    const objected = force ? null : objection(found.migration, ledger, found.isCopied)
    if (objected !== null) throw new Refused('conflict', objected)
    proof = proofOf(ledger)
    return { ...by, action: 'migration.finish', detail: `${found.migration.state} → done, ${proof}` }
  })
  if (migration === null) return null
  digests.remove(migration.id)
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
    const how = state === 'paused' ? 'resume it first' : `${code}: "postferry migration show" says what to do`
    return `no last attempt can be made for ${address}, who is ${state} (${how}); ${proofOf(ledger)}; ${FORCED}`
  }
  if (ledger === null) return `${proofOf(ledger)}: run "postferry verify ${address}" first; ${FORCED}`
  if (ledger.code === null) return null
  return `${proofOf(ledger)}; ${FORCED}`
}

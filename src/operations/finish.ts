import type { DigestCaches } from '../ledger/ports.ts'
import { proofOf } from '../ledger/words.ts'
import type { By } from '../model/audit.ts'
import { codeOf } from '../model/ledger-code.ts'
import type { Migration } from '../model/migration.ts'
import { Refused } from '../model/refused.ts'
import { take } from './migration-changes.ts'
import { Finished as FinishedSchema } from './migration-schemas.ts'
import { migrationRow } from './migrations.ts'
import { flag, operation } from './operation.ts'
import { migration } from './person.ts'
import type { Migrations } from './ports.ts'
import { the } from './schema.ts'

interface Deps {
  readonly migrations: Pick<Migrations, 'finish' | 'take'>
  readonly digests: Pick<DigestCaches, 'remove'>
}

/** A migration that is finished, or is to be. */
export interface Finished {
  readonly migration: Migration
  /** What is known of the copy of a finished one: proved, what is lost or not merged, or never compared; else null. */
  readonly proof: string | null
}

export const finishMigration = operation({
  ...{ name: 'migration.finish', permission: 'operate' },
  summary: 'Let the copying host make a last attempt, and erase the credential when its ledger is clean',
  fields: {
    address: migration,
    force: flag('at once, without a last attempt and a clean ledger; tells what may be lost'),
  },
  answer: {
    schema: the(FinishedSchema),
    row: ({ migration, proof }: Finished) => ({ ...migrationRow(migration), proof }),
  },
  async run({ address: migration, force = false }, deps: Deps, by): Promise<Finished> {
    return force
      ? await forced(migration, deps, by)
      : { migration: await take(migration, 'finish', deps, by), proof: null }
  },
})

async function forced({ address }: Migration, { migrations, digests }: Deps, by: By): Promise<Finished> {
  let proof = ''
  const migration = await migrations.finish(address, ({ migration: { state }, ledger, unmergedIn }) => {
    // By what is asked of a last ledger.
    const copy = proofOf(ledger && { ...ledger, code: codeOf(ledger.folders, 'finish') })
    proof = unmergedIn === null ? copy : `${copy}; ${unmergedText(unmergedIn)}`
    return { ...by, action: 'migration.finish', detail: `${state} → done, ${proof}` }
  })
  if (migration === null) throw new Refused('not-found', `there is no migration of ${address} any more`)
  digests.remove(migration.id)
  return { migration, proof }
}

function unmergedText(home: string): string {
  return `what was in the mailbox before the flip is not merged, and stays in ${home}/.postferry/before`
}

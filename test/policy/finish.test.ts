import t from 'tap'
import type { Change } from '../../src/model/audit.ts'
import type { Ledger } from '../../src/model/ledger.ts'
import type { Migration, Situation, State } from '../../src/model/migration.ts'
import { finishMigration } from '../../src/policy/finish.ts'
import { BY } from '../support/by.ts'

const AT = new Date('2026-11-23T12:00:00Z')

/** Records with one migration, that write down what is changed. */
function world(state: State, ledger: Pick<Ledger, 'code'> | null) {
  const migration: Migration = {
    ...{ id: '7', address: 'anna@new.example', oldDomain: 'old.example', oldUsername: 'anna', provider: 'old', state },
    ...{ pausedFrom: null, route: 'new', code: null, createdAt: AT, changedAt: AT },
  }
  const changes: Change[] = []
  const surroundings = {
    migrations: {
      find: async (address: string) => (address === migration.address ? migration : null),
      async take(_: string, step: (from: Situation) => Situation, change: Change) {
        const after = { ...migration, ...step(migration) }
        changes.push(change)
        return after
      },
    },
    ledgers: { latest: async (id: string) => (id === '7' && ledger ? { ...ledger, takenAt: AT } : null) },
  }
  const finish = (force: boolean, address = migration.address) => finishMigration(address, force, BY, surroundings)
  return { finish, changes }
}

t.test('a migration with a clean ledger, or none, is finished, and what was proved is told', async (t) => {
  const clean = world('synced', { code: null })
  t.match(await clean.finish(false), {
    migration: { state: 'done' },
    proof: 'the ledger of 2026-11-23T12:00:00.000Z is clean',
  })
  t.match(clean.changes, [
    { actor: 'tests', action: 'migration.finish', detail: /^synced → done, the ledger of .* is clean$/ },
  ])
  t.match(await world('pending', null).finish(false), { proof: /never compared/ })
})

t.test('a migration whose ledger names differences is finished by force only, and the audit says so', async (t) => {
  const differs = world('synced', { code: 'differs' })
  await t.rejects(differs.finish(false), { message: /names differences: --force/ })
  t.same(differs.changes, [])
  t.match(await differs.finish(true), { migration: { state: 'done' }, proof: /names differences/ })
  t.match(differs.changes, [{ detail: /names differences$/ }])
})

t.test('who never came is given up by force only', async (t) => {
  await t.rejects(world('awaited', null).finish(false), { message: /has never come: --force/ })
  t.match(await world('awaited', null).finish(true), { migration: { state: 'done' } })
})

t.test('nobody is finished twice, and nobody is nobody', async (t) => {
  await t.rejects(world('done', null).finish(true), { message: /done already/ })
  t.equal(await world('synced', null).finish(false, 'nobody@new.example'), null)
})

import t from 'tap'
import type { Change } from '../../src/model/audit.ts'
import { type Counts, type Ledger, type LedgerCode, noCounts } from '../../src/model/ledger.ts'
import { finish as finishStep, type Migration, type State } from '../../src/model/migration.ts'
import { finishMigration } from '../../src/operations/finish.ts'
import type { Finishing } from '../../src/operations/ports.ts'
import { BY } from '../support/by.ts'

const AT = new Date('2026-11-23T12:00:00Z')

/** A ledger of ten messages in one folder, of which so many are not as they were. */
function ledgerWith(code: LedgerCode | null, counts: Partial<Counts> = {}): Ledger {
  const folder = {
    ...{
      name: 'INBOX',
      directory: '',
      state: 'there' as const,
      remark: null,
      messages: 10,
      proved: 10 - (counts.missing ?? 0),
    },
    ...{
      counts: { ...noCounts(), ...counts },
      extra: 0,
      duplicated: 0,
      uidValidity: 1,
      provedUids: '',
      lostUids: '',
      acceptedUids: '',
      acceptedUnlisted: 0,
    },
  }
  return { takenAt: AT, seconds: 1, code, folders: [folder], fetched: 0, differences: [] }
}

/** Records with one migration, that write down what is changed. */
function world(state: State, ledger: Ledger | null, isCopied = false) {
  const migration: Migration = {
    ...{ id: '7', address: 'anna@new.example', oldDomain: 'old.example', oldUsername: 'anna', provider: 'old', state },
    ...{ pausedFrom: null, route: 'new', code: null, isFinishRequested: false, createdAt: AT, changedAt: AT },
  }
  const changes: Change[] = []
  const forgotten: string[] = []
  const deps = {
    migrations: {
      async finish(address: string, judge: (found: Finishing) => Change) {
        if (address !== migration.address) return null
        const after = { ...migration, ...finishStep(migration) }
        changes.push(judge({ migration, ledger, isCopied }))
        return after
      },
    },
    digests: { remove: (id: string) => void forgotten.push(id) },
  }
  const finish = (force: boolean, address = migration.address) => finishMigration(address, force, BY, deps)
  return { finish, changes, forgotten }
}

t.test('a migration with a clean ledger is finished, what was proved is told, and its cache goes', async (t) => {
  const clean = world('synced', ledgerWith(null))
  t.match(await clean.finish(false), {
    migration: { state: 'done' },
    proof: 'the ledger of 2026-11-23T12:00:00.000Z is clean',
  })
  t.match(clean.changes, [
    { actor: 'tests', action: 'migration.finish', detail: /^synced → done, the ledger of .* is clean$/ },
  ])
  t.same(clean.forgotten, ['7'])
})

t.test('without a ledger a migration is finished by force only', async (t) => {
  const never = world('pending', null)
  await t.rejects(never.finish(false), {
    message: /never compared .* run "postferry verify anna@new\.example" first; --force/,
  })
  t.same([never.changes, never.forgotten], [[], []])
  t.match(await never.finish(true), { migration: { state: 'done' }, proof: /never compared/ })
})

t.test('with a ledger that is not clean it is finished by force only, and what is lost is told', async (t) => {
  const differs = world('synced', ledgerWith('differs', { missing: 3 }))
  await t.rejects(differs.finish(false), { message: /differs: of 10 messages in 1 folders, 3 missing; --force/ })
  t.same(differs.changes, [])
  t.match(await differs.finish(true), { migration: { state: 'done' }, proof: /3 missing$/ })
  t.match(differs.changes, [{ detail: /^synced → done, .* 3 missing$/ }])
})

t.test('so much may be removed without a question for a job, and not for a finish', async (t) => {
  const shrunk = world('synced', ledgerWith(null, { removed: 7 }))
  await t.rejects(shrunk.finish(false), { message: /shrunk: .* \(INBOX: 7 of 10\); --force/ })
  t.same(shrunk.changes, [])
  t.match(await shrunk.finish(true), { migration: { state: 'done' }, proof: /shrunk: .* 7 of 10/ })
})

t.test('who is being copied is finished afterwards, or by force', async (t) => {
  const busy = world('synced', ledgerWith(null), true)
  await t.rejects(busy.finish(false), { message: /is being copied/ })
  t.match(await busy.finish(true), { migration: { state: 'done' } })
  t.match(await world('synced', ledgerWith(null)).finish(false), { migration: { state: 'done' } })
})

t.test('where no last attempt can be made a clean ledger is not enough', async (t) => {
  const paused = world('paused', ledgerWith(null))
  await t.rejects(paused.finish(false), { message: /anna@new\.example, who is paused \(resume it first\).*; --force/ })
  await t.rejects(world('failed', ledgerWith(null)).finish(false), { message: /who is failed .*migration show/ })
  t.same(paused.changes, [])
  t.match(await paused.finish(true), { migration: { state: 'done' }, proof: /is clean/ })
})

t.test('who never came is given up by force only', async (t) => {
  await t.rejects(world('awaited', null).finish(false), { message: /has never come: --force/ })
  t.match(await world('awaited', null).finish(true), { migration: { state: 'done' } })
})

t.test('nobody is finished twice, and nobody is nobody', async (t) => {
  for (const force of [true, false]) await t.rejects(world('done', null).finish(force), { message: /done already/ })
  t.equal(await world('synced', null).finish(false, 'nobody@new.example'), null)
})

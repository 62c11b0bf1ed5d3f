import t from 'tap'
import type { Change } from '../../src/model/audit.ts'
import { type Counts, type Ledger, type LedgerCode, noCounts } from '../../src/model/ledger.ts'
import { finish as finishStep, type Migration, type State, type Transition } from '../../src/model/migration.ts'
import { finishMigration } from '../../src/operations/finish.ts'
import type { Finishing } from '../../src/operations/ports.ts'
import { performing } from '../support/perform.ts'

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
function world(state: State, ledger: Ledger | null, unmergedIn: string | null = null) {
  const migration: Migration = {
    ...{ id: '7', address: 'anna@new.example', oldDomain: 'old.example', oldUsername: 'anna', provider: 'old', state },
    ...{
      pausedFrom: null,
      route: 'destination',
      code: null,
      isFinishRequested: false,
      isFlipRequested: false,
      isReturnRequested: false,
      isFlipped: false,
      hasAccount: true,
      createdAt: AT,
      changedAt: AT,
    },
  }
  const changes: Change[] = []
  const forgotten: string[] = []
  const perform = performing({
    domains: { list: async () => [] },
    migrations: {
      find: async (address: string) => (address === migration.address ? migration : null),
      async take(_: string, transition: Transition, change: Change) {
        const after = { ...migration, ...transition(migration) }
        changes.push(change)
        return after
      },
      async finish(_: string, changeOf: (found: Finishing) => Change) {
        const after = { ...migration, ...finishStep(migration) }
        changes.push(changeOf({ migration, ledger, unmergedIn }))
        return after
      },
    },
    digests: { remove: (id: string) => void forgotten.push(id) },
  })
  const finish = (force: boolean, address = migration.address) =>
    perform(finishMigration, { address, force: String(force) })
  return { finish, changes, forgotten }
}

t.test('a finish is requested, whatever the last ledger says: a last attempt decides', async (t) => {
  for (const ledger of [null, ledgerWith(null), ledgerWith('differs', { missing: 3 })]) {
    const { finish, changes, forgotten } = world('synced', ledger)
    t.match(await finish(false), { migration: { state: 'synced', isFinishRequested: true }, proof: null })
    t.match(changes, [{ actor: 'tests', action: 'migration.request-finish' }])
    t.same(forgotten, [])
  }
})

t.test('by force it is finished at once, what is known of the copy is told, and its cache goes', async (t) => {
  for (const [ledger, proof] of [
    [ledgerWith(null), /^the ledger of 2026-11-23T12:00:00.000Z is clean$/],
    [ledgerWith('differs', { missing: 3 }), /differs: of 10 messages in 1 folders, 3 missing$/],
    [ledgerWith(null, { removed: 7 }), /shrunk: .* \(INBOX: 7 of 10\)$/],
    [null, /never compared/],
  ] as const) {
    for (const state of ['awaited', 'pending', 'synced', 'paused', 'failed'] as const) {
      const { finish, changes, forgotten } = world(state, ledger)
      t.match(await finish(true), { migration: { state: 'done' }, proof })
      t.match(changes, [{ actor: 'tests', action: 'migration.finish', detail: `${state} → done, ` }])
      t.match(changes[0]?.detail, proof.source.startsWith('^') ? /is clean$/ : proof)
      t.same(forgotten, ['7'])
    }
  }
})

t.test('by force it tells, in the audit, too, what a flip has left and nobody merges any more', async (t) => {
  const { finish, changes } = world('synced', ledgerWith(null), '/home/anna')
  const left =
    /is clean; what was in the mailbox before the flip is not merged, and stays in \/home\/anna\/.postferry\/before$/
  t.match(await finish(true), { migration: { state: 'done' }, proof: left })
  t.match(changes, [{ detail: left }])
})

t.test('where no last attempt can be made a finish is refused, but by force', async (t) => {
  for (const [state, message] of [
    ['paused', /resume it first/],
    ['failed', /migration show/],
    ['awaited', /has not signed in yet/],
  ] as const) {
    const { finish, changes } = world(state, ledgerWith(null))
    await t.rejects(finish(false), { code: 'conflict', message })
    t.same(changes, [])
  }
})

t.test('nobody is finished twice, and nobody is nobody', async (t) => {
  for (const force of [true, false]) await t.rejects(world('done', null).finish(force), { message: /done already/ })
  await t.rejects(world('synced', null).finish(false, 'nobody@new.example'), {
    code: 'not-found',
    message: 'there is no migration of nobody@new.example',
  })
})

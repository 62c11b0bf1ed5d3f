import t from 'tap'
import {
  accept,
  finish,
  heal,
  type MigrationStatus,
  pause,
  requestFinish,
  requestFlip,
  requestReturn,
  resume,
  retry,
  stopReturn,
} from '../../src/model/migration.ts'

const at = (state: MigrationStatus['state'], more: Partial<MigrationStatus> = {}): MigrationStatus => ({
  ...{ state, pausedFrom: null, code: null, isFinishRequested: false, ...more },
})
const requested = { isFinishRequested: true }

t.test(
  'an active migration may be asked to be finished again and again, and each time its job is due now',
  async (t) => {
    for (const state of ['pending', 'synced'] as const) {
      t.same(requestFinish(at(state)), { ...at(state, requested), isDue: true })
    }
    t.same(requestFinish(at('synced', requested)), { ...at('synced', requested), isDue: true })
  },
)

t.test('where no last attempt can be made nobody is asked for one, and is told what to do instead', async (t) => {
  const reasons: [MigrationStatus, RegExp][] = [
    [at('awaited'), /has not signed in yet/],
    [at('paused', { pausedFrom: 'synced' }), /resume it first/],
    [at('failed', { code: 'old-shrunk' }), /has failed \(old-shrunk\): "postferry migration show"/],
    [at('done'), /done already/],
  ]
  for (const [status, message] of reasons) t.throws(() => requestFinish(status), { message }, status.state)
})

t.test('nobody is asked to come here who has never signed in', async (t) => {
  const stranger = at('synced', { route: 'source', hasAccount: false })
  for (const ask of [requestFlip, requestFinish]) t.throws(() => ask(stranger), { message: /has not signed in yet/ })
  t.match(requestFinish({ ...stranger, route: 'destination' }), requested, 'whose mail is copied without them')
  t.match(requestFlip({ ...stranger, hasAccount: true }), { isFlipRequested: true, isDue: true })
})

t.test('pause and resume take a requested finish back, finish fulfils it, everything else keeps it', async (t) => {
  const paused = pause(at('synced', requested))
  t.match(paused, { state: 'paused', pausedFrom: 'synced', isFinishRequested: false })
  t.same(resume(paused), at('synced'))
  t.same(resume(at('pending', { code: 'ledger-differs', ...requested })), at('pending', { code: 'ledger-differs' }))
  t.throws(() => resume(at('synced')), { message: /is not paused/ })
  t.same(finish(at('synced', requested)), at('done'))
  t.throws(() => finish({ ...at('synced'), isReturnRequested: true }), { message: /a return to the old server/ })
  const refused = at('failed', { code: 'credential-refused', ...requested })
  t.match(retry(refused), at('pending', requested))
  t.same(heal(refused), at('pending', requested))
  t.match(retry(at('synced', requested)), at('synced', requested))
  t.match(accept(at('pending', requested)), at('pending', requested))
})

t.test('a return is asked for, and stopped as long as nobody is held for it', async (t) => {
  const here = { route: 'destination', isFlipped: true, isReturnRequested: false } as const
  const asked = requestReturn(at('synced', here))
  t.match(asked, { isReturnRequested: true, isDue: true })
  const failed = at('failed', { ...here, code: 'credential-refused' })
  t.throws(() => requestReturn(failed), { message: /has failed \(credential-refused\)/ }, 'no job takes it')
  for (const state of ['synced', 'failed'] as const) {
    const { isReturnRequested } = stopReturn(at(state, { ...here, isReturnRequested: true }))
    t.equal(isReturnRequested, false)
  }
  t.throws(() => stopReturn(at('synced', here)), { message: /no return is requested/ })
  const held = at('synced', { ...here, route: 'held', isReturnRequested: true })
  t.throws(() => stopReturn(held), { message: /about to end/ })
})

// From wherever its sync state is.
const NOW = { isDue: true, isForAnyHost: true }

t.test('a retry makes the job of whoever is copied due, and is refused where nothing is copied', async (t) => {
  t.same(retry(at('failed', { code: 'new-full' })), { ...at('pending'), ...NOW })
  const moved = retry(at('failed', { code: 'endpoint-changed' }))
  t.same(moved, { ...at('pending'), isDue: true, isForAnyHost: false }, 'by the host that approves the new place')
  for (const code of [null, 'ledger-differs']) {
    t.same(retry(at('pending', { code })), { ...at('pending', { code }), ...NOW })
  }
  t.same(retry(at('pending', { code: 'ledger-lost' })), { ...at('pending'), ...NOW }, 'it is copied again')
  t.throws(() => retry(at('paused', { pausedFrom: 'failed' })), { message: /resume it first/ })
  t.throws(() => retry(at('awaited')), { message: /has not signed in yet/ })
  t.throws(() => retry(at('done')), { message: /done already/ })
})

t.test('accepting what differs makes only that migration due which waits for it', async (t) => {
  t.match(accept(at('pending', { code: 'ledger-differs' })), { isDue: true, code: 'ledger-differs' })
  for (const state of ['synced', 'failed', 'done'] as const) t.same(accept(at(state)), { ...at(state), isDue: false })
})

t.test('a right sign-in heals whatever lacks a credential, and nothing else', async (t) => {
  for (const code of ['credential-refused', 'credential-unopened']) {
    t.same(heal(at('failed', { code })), at('pending'))
    t.same(heal(at('paused', { pausedFrom: 'failed', code })), at('paused', { pausedFrom: 'pending' }))
  }
  const code = 'credential-unopened'
  t.same(heal(at('pending', { code })), { ...at('pending'), isDue: true })
  t.same(heal(at('paused', { pausedFrom: 'pending', code })), {
    ...at('paused', { pausedFrom: 'pending' }),
    isDue: false,
  })
  for (const same of [at('failed', { code: 'old-shrunk' }), at('pending', { code: 'ledger-differs' }), at('synced')]) {
    t.equal(heal(same), same)
  }
})

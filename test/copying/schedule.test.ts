import t from 'tap'
import { advance, type Ending, FOR_A_PERSON } from '../../src/copying/schedule.ts'
import { OUTCOMES } from '../../src/model/attempt.ts'

const MINUTE = 60_000
const SYNCED = { state: 'synced', failures: 0, unchangedRuns: 0 } as const
const PENDING = { state: 'pending', failures: 0, unchangedRuns: 0 } as const
const after = (ending: Ending, standing: Parameters<typeof advance>[0] = SYNCED) => advance(standing, ending, 0.5)

t.test('a complete attempt makes a migration synced', async (t) => {
  t.equal(after('complete', PENDING).status.state, 'synced')
})

t.test('a migration fails only when a person has to act', async (t) => {
  for (const outcome of OUTCOMES) {
    const { status, waitMs } = after(outcome)
    if (FOR_A_PERSON.includes(outcome)) t.same(status, { state: 'failed', pausedFrom: null, code: outcome })
    else t.match([status.state, waitMs >= 0], [/^(pending|synced)$/, true], outcome)
  }
})

t.test('a copy that the ledger does not call clean is not synced, says so, and is tried again', async (t) => {
  for (const code of ['ledger-differs', 'ledger-shrunk'] as const) {
    const plan = after(code, { ...SYNCED, failures: 1 })
    t.match(plan, { status: { state: 'pending', pausedFrom: null, code }, failures: 2, waitMs: 2 * MINUTE })
  }
  t.equal(after('complete', PENDING).status.code, null)
  t.equal(after('incomplete').status.code, null)
})

t.test('a credential that nobody can open is shown, and tried again: the right identity may come', async (t) => {
  const plan = after('credential-unopened')
  t.match(plan, { status: { state: 'pending', code: 'credential-unopened' }, failures: 1, waitMs: MINUTE })
  t.equal(after('complete', PENDING).status.code, null)
})

t.test('what could not be asked takes nothing back; what was copied in part does', async (t) => {
  t.equal(after('old-unreachable').status.state, 'synced')
  t.equal(after('locked').status.state, 'synced')
  t.equal(after('incomplete').status.state, 'pending')
  t.equal(after('timeout').status.state, 'pending')
})

t.test('the pause after failures doubles up to two hours, and success ends it', async (t) => {
  const waits = [0, 1, 2, 20].map((failures) => after('old-unreachable', { ...SYNCED, failures }).waitMs / MINUTE)
  t.same(waits, [1, 2, 4, 120])
  t.equal(after('complete', { ...SYNCED, failures: 20 }).failures, 0)
  t.equal(after('locked', { ...SYNCED, failures: 3 }).failures, 3, 'somebody else at work is no failure')
})

t.test('who gets no mail is looked at less and less, and at once like others again', async (t) => {
  const waits = [0, 1, 2, 20].map((unchangedRuns) => after('unchanged', { ...SYNCED, unchangedRuns }).waitMs / MINUTE)
  t.same(waits, [10, 20, 40, 240])
  t.match(after('complete', { ...SYNCED, unchangedRuns: 20 }), { unchangedRuns: 0, waitMs: 5 * MINUTE })
})

t.test('not everybody comes back at the same moment', async (t) => {
  const [least, most] = [0, 1].map((chance) => advance(SYNCED, 'old-unreachable', chance).waitMs)
  t.same([Math.round(least ?? 0), Math.round(most ?? 0)], [48_000, 72_000])
})

import t from 'tap'
import type { Job } from '../../src/copying/ports.ts'
import { changedSince, isUnchanged, objection } from '../../src/copying/precheck.ts'
import type { MailboxStatus } from '../../src/model/mailbox.ts'
import { PROVIDER } from '../support/provider.ts'

const HOUR = 3_600_000
const NOW = new Date('2026-01-02T00:00:00Z')
const inbox: MailboxStatus = { name: 'INBOX', uidValidity: '7', uidNext: 101, messages: 100, highestModseq: '500' }
const sent: MailboxStatus = { name: 'Sent', uidValidity: '8', uidNext: 31, messages: 30, highestModseq: '60' }
const job: Job = {
  migrationId: '1',
  address: 'anna@new.example',
  order: { id: '1', home: '/anna', provider: PROVIDER },
  state: 'synced',
  isFinishRequested: false,
  code: null,
  isProved: true,
  quotaBytes: null,
  sealed: null,
  failures: 0,
  unchangedRuns: 0,
  seen: [inbox, sent],
  completedAt: new Date(NOW.getTime() - HOUR),
  hasCopied: true,
  overruled: null,
}

t.test('the same mailboxes in any order are unchanged; any difference is a change', async (t) => {
  const unchanged = (...now: MailboxStatus[]) => isUnchanged(job, now, NOW)
  t.ok(unchanged(sent, inbox))
  t.notOk(unchanged(inbox), 'one has gone')
  t.notOk(unchanged(inbox, sent, { ...sent, name: 'More' }))
  for (const other of [
    { uidNext: 32 },
    { messages: 29 },
    { highestModseq: '61' },
    { uidValidity: '9' },
    { uidValidity: null },
  ]) {
    t.notOk(unchanged(inbox, { ...sent, ...other }), JSON.stringify(other))
  }
  t.notOk(isUnchanged({ ...job, seen: null, completedAt: null }, [inbox, sent], NOW), 'never complete')
})

t.test(
  'only after a complete attempt that was proved, and where every change shows, is it known what has changed',
  async (t) => {
    const more = { ...sent, uidNext: 32 }
    t.same(changedSince(job, [inbox, more]), ['Sent'])
    t.same(changedSince(job, [sent, inbox]), [])
    for (const given of [{ state: 'pending' }, { isProved: false }, { seen: null }] as const) {
      t.equal(changedSince({ ...job, ...given }, [inbox, more]), null, JSON.stringify(given))
    }
    t.equal(changedSince(job, [inbox]), null, 'one has gone')
    t.equal(changedSince(job, [inbox, { ...sent, name: 'More' }]), null, 'one is another')
    t.equal(changedSince(job, [inbox, { ...more, highestModseq: null }]), null, 'flags do not show')
  },
)

t.test('without HIGHESTMODSEQ everything is compared once a day, because flags do not show', async (t) => {
  const now = [inbox, { ...sent, highestModseq: null }]
  t.ok(isUnchanged({ ...job, seen: now }, now, NOW))
  t.notOk(isUnchanged({ ...job, seen: now }, now, new Date(NOW.getTime() + 24 * HOUR)))
})

t.test('the source that was made anew, has shrunk or is not remembered is not copied', async (t) => {
  t.equal(objection(job, [inbox, sent], true), null)
  t.equal(objection(job, [{ ...inbox, uidValidity: '70' }, sent], true), 'old-recreated')
  t.equal(objection(job, [{ ...inbox, messages: 0 }, sent], true), 'old-shrunk')
  t.equal(objection(job, [], true), 'old-shrunk')
  t.equal(objection(job, [inbox, sent], false), 'state-lost')
})

t.test('a folder of which the source tells nothing at the moment has not shrunk', async (t) => {
  const untold = { ...inbox, uidValidity: null, uidNext: 0, messages: 0 }
  t.equal(objection(job, [untold, sent], true), null)
  t.equal(objection(job, [untold, { ...sent, messages: 0 }], true), 'old-shrunk', 'but another one has')
})

t.test('a mirror follows a folder that was made anew by who works there', async (t) => {
  const mirrored = { ...job, order: { ...job.order, isMirrored: true } }
  t.equal(objection(mirrored, [inbox, { ...sent, uidValidity: '70' }], true), null)
  t.equal(objection(mirrored, [], true), 'old-shrunk', 'but not a server that was emptied')
})

t.test('a mailbox that was empty, is away or tells nothing was not made anew', async (t) => {
  const empty = { ...job, seen: [{ ...sent, messages: 0 }] }
  t.equal(objection(empty, [{ ...sent, uidValidity: '9' }], true), null)
  t.equal(objection(job, [inbox], true), null)
  t.equal(objection(job, [inbox, { ...sent, uidValidity: null }], true), null)
})

t.test('tidying up is no shrinking', async (t) => {
  t.equal(objection(job, [{ ...inbox, messages: 40 }, sent], true), null, 'more than half is left')
  const few = { ...job, seen: [{ ...inbox, messages: 19 }] }
  t.equal(objection(few, [{ ...inbox, messages: 0 }], true), null, 'few messages')
})

t.test('what a person has overruled is let through, and nothing else', async (t) => {
  t.equal(objection({ ...job, overruled: 'old-shrunk' }, [], true), null)
  t.equal(objection({ ...job, overruled: 'old-shrunk' }, [], false), 'state-lost')
  t.equal(objection({ ...job, hasCopied: false }, [inbox, sent], false), null, 'nothing was copied yet')
})

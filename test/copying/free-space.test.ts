import t from 'tap'
import { lackOfRoom } from '../../src/copying/free-space.ts'
import type { Job } from '../../src/copying/ports.ts'
import { PROVIDER } from '../support/provider.ts'

const mailbox = (size: number | null) => ({
  ...{ name: 'INBOX', uidValidity: '1', uidNext: 2, messages: 1, highestModseq: null, size },
})
const FRESH: Job = {
  ...{ migrationId: '1', address: 'anna@new.example', order: { id: '1', home: '/anna', provider: PROVIDER } },
  ...{ quotaBytes: null, state: 'pending', code: null, isProved: false, isFinishRequested: false, sealed: null },
  ...{ failures: 0, unchangedRuns: 0, seen: null, completedAt: null, hasCopied: false, overruled: null },
}
const never = () => {
  throw new Error('not asked')
}
const lack = (job: Partial<Job>, size: number | null, left: number, known: () => number = never) =>
  lackOfRoom({ ...FRESH, ...job }, [mailbox(1_000), mailbox(size)], known, { left: () => left })

t.test('what the source holds has to fit beside what is kept free', async (t) => {
  t.equal(lack({}, 4_000, 5_000), null)
  t.match(lack({}, 4_001, 5_000), '5.0 kB are to be copied, and the new server has room for 5.0 kB')
  t.match(lack({}, 4_000, -7), 'room for 0 bytes')
})

t.test('of what was copied before only the rest has to', async (t) => {
  const seen = [mailbox(3_000)]
  t.equal(lack({ seen, hasCopied: true }, 4_000, 2_000), null)
  t.match(lack({ seen, hasCopied: true }, 4_000, 1_999), '2.0 kB are to be copied')
  t.equal(lack({ seen, hasCopied: true }, 2_000, -7), null, 'nothing new needs no room')
  t.equal(lack({ hasCopied: true }, 4_000, 1), null, 'after a first attempt that was cut off nobody knows')
})

t.test('a source that tells no sizes is copied from as long as anything is left', async (t) => {
  t.equal(lack({}, null, 1), null)
  t.match(lack({}, null, 0), /^the new server has room for 0 bytes/)
})

t.test(
  'the quota bounds all that source holds; what a ledger has read counts where the source tells no sizes',
  async (t) => {
    t.equal(lack({ quotaBytes: 5_000 }, 4_000, 9_000), null)
    t.equal(
      lack({ quotaBytes: 3_900, seen: [mailbox(5_000)], hasCopied: true }, 4_000, 9_000),
      'the old server holds 5.0 kB, and the quota is 3.9 kB',
    )
    t.match(
      lack({ quotaBytes: 5_000 }, null, 9_000, () => 5_001),
      'the old server holds 5.0 kB',
    )
  },
)

t.end()

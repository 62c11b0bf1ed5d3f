import t from 'tap'
import type { LedgerFence, Saved } from '../../src/ledger/ports.ts'
import { type VerifyDeps, verify } from '../../src/ledger/verify.ts'
import { type LedgerFolder, noCounts } from '../../src/model/ledger.ts'
import { PROVIDER } from '../support/provider.ts'

const INBOX = { name: 'INBOX', separator: '/', prefix: '' }
const ORDER = { migrationId: '1', home: '/anna', provider: PROVIDER, username: 'anna', password: 'x' }

/** Ledgers that end so one after the other; what they go on from, and what they accept. */
function world(ends: Saved[]) {
  const fences: LedgerFence[] = []
  const accepted: string[] = []
  const folder: LedgerFolder = {
    ...{ name: 'INBOX', directory: '', state: 'there', remark: null, messages: 1, proved: 0, counts: noCounts() },
    ...{
      extra: 0,
      duplicated: 0,
      uidValidity: 7,
      provedUids: '3',
      lostUids: '',
      acceptedUids: '',
      acceptedUnlisted: 0,
    },
  }
  const deps = {
    sourceMail: {
      open: async () => ({
        mailboxes: async () => [{ mailbox: INBOX, wanted: true }],
        subscribed: async () => new Set(),
        examine: async () => ({ uidValidity: 7, messages: [], unlisted: [{ uid: 5, remark: 'hidden' }] }),
        read: async function* () {},
        [Symbol.asyncDispose]: async () => undefined,
      }),
    },
    destinationMail: {
      open: async () => ({
        directories: [''],
        titleOf: () => 'INBOX',
        read: async () => [],
        onlyKeywords: async () => null,
        subscribed: async () => new Set(),
      }),
    },
    digests: {
      open: () => ({
        messages: { of: () => new Map(), add: () => undefined, forget: () => undefined },
        [Symbol.dispose]: () => undefined,
      }),
    },
    engine: { directoriesOf: () => new Map([['INBOX', '']]), syncState: () => null, flipped: () => null },
    ledgers: {
      // Somebody else accepts what is hidden after the first was read.
      last: async () => ({
        takenAt: new Date(fences.length),
        folders: [{ ...folder, acceptedUids: fences.length === 0 ? '' : '5' }],
      }),
      save: async (_: string, ledger: { folders: readonly LedgerFolder[] }, fence: LedgerFence) => {
        fences.push(fence)
        accepted.push(ledger.folders[0]?.acceptedUids ?? '')
        return ends.shift() ?? 'overtaken'
      },
    },
  } as unknown as VerifyDeps
  return { fences, accepted, deps }
}

t.test('a ledger that was overtaken is taken anew, from what the other one knows', async (t) => {
  const { fences, accepted, deps } = world(['overtaken', 'saved'])
  const ledger = await verify(ORDER, deps, { holder: 'w' })
  t.match(ledger, { code: null, folders: [{ counts: { accepted: 1 }, provedUids: '3' }] })
  t.same(accepted, ['', '5'])
  t.same(fences, [
    { after: new Date(0), holder: 'w' },
    { after: new Date(1), holder: 'w' },
  ])
})

t.test('a ledger that is not to be kept is none, and nobody tries for ever', async (t) => {
  const late = world(['too-late'])
  await t.rejects(verify(ORDER, late.deps), { reason: 'too-late', message: /finished or taken over/ })
  t.same(late.fences, [{ after: new Date(0), holder: null }])
  const never = world([])
  await t.rejects(verify(ORDER, never.deps), { reason: 'overtaken', message: /try again/ })
  t.equal(never.fences.length, 5)
})

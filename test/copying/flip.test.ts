import t from 'tap'
import { type FlipDeps, flip } from '../../src/copying/flip.ts'
import type { Job, MirrorFlip } from '../../src/copying/ports.ts'
import type { MailboxStatus } from '../../src/model/mailbox.ts'

const STATUS = { name: 'INBOX', uidValidity: '1', uidNext: 2, messages: 1, highestModseq: '1' }

/** What of the mirror is renewed, each time, of a source that looks so from look to look. */
async function renewed(looks: readonly (readonly MailboxStatus[])[], isSubscribedOtherwise = false) {
  const [asked, seen]: [(readonly string[] | null)[], (readonly MailboxStatus[])[]] = [[], [...looks]]
  const mirror: MirrorFlip = {
    namespace: null,
    renew: async (names) => void asked.push(names),
    difference: async () => null,
    isSubscribedOtherwise: async () => isSubscribedOtherwise,
    note: async () => undefined,
    record: () => undefined,
    moveIn: async () => undefined,
    [Symbol.asyncDispose]: async () => undefined,
  }
  const yes = async () => true
  const deps = {
    worker: { host: 'copyhost' },
    flips: {
      started: yes,
      hold: async () => 'a hold',
      unconfirmed: async () => [],
      begin: yes,
      land: yes,
      forget: yes,
    },
    sessions: { check: yes, end: async () => false },
    engine: { openFlip: async () => mirror, mergeBefore: yes },
    statusCheck: {
      check: async () => ({ kind: 'yes', mailboxes: (seen.length > 1 ? seen.shift() : seen[0]) ?? [] }),
    },
  } as unknown as FlipDeps
  const job = { address: 'anna@new.example', order: { provider: {} } } as Job
  const { told } = await flip(job, {} as never, deps, new AbortController().signal)
  t.match(told, /^flipped/)
  return asked
}

t.test(
  'what has changed since the mirror was proved is renewed while the person is held, and nothing else',
  async (t) => {
    const more = { ...STATUS, uidNext: 3, messages: 2, highestModseq: '2' }
    const other = { ...STATUS, name: 'Other' }
    t.same(await renewed([[STATUS]]), [null])
    t.same(await renewed([[STATUS], [STATUS], [more]]), [null, ['INBOX']])
    t.same(await renewed([[STATUS], [STATUS], [STATUS, other]]), [null, null], 'a folder that has come')
    t.same(await renewed([[STATUS]], true), [null, null], 'subscriptions')
  },
)

t.end()

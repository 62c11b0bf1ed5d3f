import t from 'tap'
import type { Job } from '../../src/copying/ports.ts'
import { Tracking, workIn } from '../../src/copying/tracking.ts'
import type { MailboxStatus } from '../../src/model/mailbox.ts'

const status = (name: string, messages: number, size: number | null = messages * 1000): MailboxStatus => ({
  ...{ name, uidValidity: '7', uidNext: messages + 1, messages, highestModseq: null, size },
})
const NOW = [status('INBOX', 100), status('Sent', 20)]
const FIRST = { seen: null, hasCopied: false } as Job
const NOTHING = { messages: null, bytes: null }

t.test('what has to come is all, what is new, or what an attempt left that did not come to its end', async (t) => {
  const never = () => t.fail('nobody has to look')
  t.same(
    workIn(FIRST, NOW, () => NOTHING),
    { messages: 120, bytes: 120_000 },
  )
  t.same(
    workIn(FIRST, [...NOW, status('Odd', 1, null)], () => NOTHING),
    { messages: 121, bytes: null },
  )
  const before = [status('INBOX', 90), { ...status('Sent', 20), uidValidity: '6' }]
  t.same(
    workIn({ ...FIRST, seen: before, hasCopied: true }, NOW, () => {
      never()
      return NOTHING
    }),
    { messages: 30, bytes: null },
    'ten, and a folder that was made anew',
  )
  const cut = { ...FIRST, hasCopied: true }
  t.same(
    workIn(cut, NOW, () => ({ messages: 40, bytes: 50_000 })),
    { messages: 80, bytes: 70_000 },
  )
  t.same(
    workIn(cut, NOW, () => NOTHING),
    NOTHING,
    'of an engine that does not tell, nobody knows',
  )
})

t.test('folder, messages, bytes, rate and time left are those of the step', async (t) => {
  let now = 0
  const tracking = new Tracking(NOW, { messages: 120, bytes: 120_000 }, () => now)
  t.match(tracking.progress(), { step: 'copying', folder: 1, folders: 2, messages: 0, secondsLeft: null })
  for (let at = 0; at < 60; at++) tracking.brought({ mailbox: at < 50 ? 'INBOX' : 'Sent', bytes: 1000 })
  now = 10_000
  t.same(tracking.progress(), {
    ...{ step: 'copying', folder: 2, folders: 2, messages: 60, ofMessages: 120, bytes: 60_000, ofBytes: 120_000 },
    ...{ messagesPerSecond: 6, bytesPerSecond: 6_000, secondsLeft: 10 },
  })
  now = 30_000
  t.match(tracking.progress(), { messagesPerSecond: 2 }, 'half a minute counts')
  now = 90_000
  t.match(tracking.progress(), { messagesPerSecond: 0, secondsLeft: null }, 'and no older one')
  tracking.compared({ folder: 'INBOX', number: 1, of: 2, messages: 0, fetched: 0 })
  now = 92_000
  tracking.compared({ folder: 'Sent', number: 2, of: 2, messages: 100, fetched: 0 })
  t.match(tracking.progress(), {
    ...{ step: 'proving', folder: 2, messages: 100, ofMessages: 120, bytes: 0, ofBytes: null },
    ...{ messagesPerSecond: 50, secondsLeft: 1 },
  })
  tracking.brought({ mailbox: 'INBOX', bytes: 7 })
  t.match(tracking.progress(), { step: 'copying', folder: 1, messages: 1, bytes: 7, ofBytes: 120_000 })
})

t.end()

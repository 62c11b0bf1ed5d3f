import t from 'tap'
import { sourceMail } from '../../src/imap/read/listing.ts'
import type { Mailbox } from '../../src/model/mailbox.ts'
import { PROVIDER } from '../support/provider.ts'
import { type MailboxScript, startScriptedMailbox } from '../support/scripted-mailbox.ts'

const INBOX: Mailbox = { name: 'INBOX', separator: '/', prefix: '' }

const FIVE = [1, 2, 3, 4, 5].map((number) => ({ uid: number * 10, body: `Subject: ${number}\r\n\r\n${number}\r\n` }))

/** What such a source lists, and what it does not, and what reading all that it lists gives. */
async function look(script: Omit<MailboxScript, 'messages'>) {
  await using server = await startScriptedMailbox({ messages: FIVE, ...script })
  await using session = await sourceMail.open({ ...PROVIDER, host: '127.0.0.1', port: server.port }, 'anna', 'x')
  const opened = await session.examine(INBOX)
  if ('refusal' in opened) return opened
  const readings = await Array.fromAsync(session.read(opened.messages))
  return {
    listed: opened.messages.map(({ uid }) => uid),
    unlisted: opened.unlisted,
    read: readings.map(({ uid, ...reading }) => `${uid} ${'digest' in reading ? 'read' : Object.keys(reading)[0]}`),
  }
}

const ALL = { listed: [10, 20, 30, 40, 50], unlisted: [], read: [10, 20, 30, 40, 50].map((uid) => `${uid} read`) }

t.test('a mailbox whose messages are all told is counted and read', async (t) => {
  t.strictSame(await look({}), ALL)
})

t.test('a message that source counts and does not list is named by its number', async (t) => {
  const hidden = await look({ tell: ({ number, usual }) => (number === 3 ? '' : usual) })
  t.match(hidden, { listed: [10, 20, 40, 50], unlisted: [{ uid: null, remark: /number 3 of 5/ }] })
  const last = await look({ tell: ({ number, usual }) => (number > 3 ? '' : usual) })
  t.match(last, { listed: [10, 20, 30], unlisted: [{ remark: /number 4 of 5/ }, { remark: /number 5 of 5/ }] })
  const twice = await look({ tell: ({ usual }) => usual.replace('UID 30 ', 'UID 20 ') })
  t.match(twice, { listed: [10, 20, 40, 50], unlisted: [{ uid: null, remark: /number 3 of 5/ }] })
  const broken = await look({ tell: ({ number, usual }) => (number === 3 ? '* 3 FETCH (UID 30 FLAGS (\r\n' : usual) })
  t.match(broken, { listed: [10, 20, 40, 50], unlisted: [{ remark: /number 3 of 5/ }] })
})

t.test('a source that speaks of thousands of millions of messages is not believed', async (t) => {
  const many = ({ number, usual }: { number: number; usual: string }) =>
    `${number === 3 ? '* 4294967295 EXISTS\r\n' : ''}${usual}`
  await t.rejects(look({ tell: many }), { code: 'old-protocol' })
})

t.test('a message without a size is named by its UID', async (t) => {
  const nil = await look({
    tell: ({ number, usual }) => (number === 3 ? usual.replace(/RFC822.SIZE \d+/, 'RFC822.SIZE NIL') : usual),
  })
  t.match(nil, { listed: [10, 20, 40, 50], unlisted: [{ uid: 30, remark: /size/ }] })
  const none = await look({
    tell: ({ number, usual }) => (number === 3 ? usual.replace(/ RFC822.SIZE \d+/, '') : usual),
  })
  t.match(none, { unlisted: [{ uid: 30, remark: /size/ }] })
})

t.test('what the source leaves out once and tells when it is asked again is listed', async (t) => {
  let asked = 0
  t.strictSame(await look({ tell: ({ number, usual }) => (number === 3 && asked++ === 0 ? '' : usual) }), ALL)
})

t.test('what goes and what comes while the source lists is counted', async (t) => {
  const gone =
    (said: string) =>
    ({ number, usual }: { number: number; usual: string }) => {
      if (number === 3) return ''
      return number === 5 ? usual + said : usual
    }
  const expunged = { listed: [10, 20, 40, 50], unlisted: [] }
  t.match(await look({ tell: gone('* 3 EXPUNGE\r\n') }), expunged)
  t.match(await look({ tell: gone('* VANISHED 30\r\n') }), expunged)
  t.match(await look({ tell: gone('* VANISHED 10,41\r\n') }), {
    listed: [20, 40, 50],
    unlisted: [{ remark: /number 2 of 4/ }],
  })
  t.match(await look({ tell: gone('* 1 EXPUNGE\r\n') }), {
    listed: [20, 40, 50],
    unlisted: [{ remark: /number 2 of 4/ }],
  })
  t.match(await look({ tell: gone('* 6 EXISTS\r\n') }), {
    listed: [10, 20, 40, 50],
    unlisted: [{ remark: /number 3 of 6/ }, { remark: /number 6 of 6/ }],
  })
})

t.test('flags that are told unasked hide nothing, and are no message of their own', async (t) => {
  const tell = ({ number, usual }: { number: number; usual: string }) => {
    const unasked = '* 3 FETCH (FLAGS (\\Flagged))\r\n* 3 FETCH (UID 30 FLAGS (\\Flagged))\r\n'
    return number === 3 ? '' : number === 5 ? usual + unasked : usual
  }
  t.match(await look({ tell }), { listed: [10, 20, 40, 50], unlisted: [{ uid: 30, remark: /size/ }] })
})

t.test('a source that does not say how many there are does not open the mailbox', async (t) => {
  t.match(await look({ exists: '' }), { refusal: /how many/ })
})

t.test('a message is gone only when a second question says so', async (t) => {
  const withoutBody = ({ number, items, usual }: { number: number; items: string; usual: string }) =>
    number === 3 && items.includes('BODY') ? '' : usual
  t.match(await look({ tell: withoutBody }), { read: ['10 read', '20 read', '30 unreadable', '40 read', '50 read'] })
  const nil = ({ number, usual }: { number: number; usual: string }) =>
    number === 3 ? usual.replace(/\{\d+\}\r\n[\s\S]*?\)\r\n$/, 'NIL)\r\n') : usual
  t.match(await look({ tell: nil }), { read: ['10 read', '20 read', '30 unreadable', '40 read', '50 read'] })
  const empty = ({ number, usual }: { number: number; usual: string }) =>
    number === 3 ? usual.replace(/\{\d+\}\r\n[\s\S]*?\)\r\n$/, '{0}\r\n)\r\n') : usual
  t.match(await look({ tell: empty }), { read: ['10 read', '20 read', '30 unreadable', '40 read', '50 read'] })
  let listing = true
  const gone = ({ number, items, usual }: { number: number; items: string; usual: string }) => {
    if (items.includes('BODY')) listing = false
    return number === 3 && !listing ? '' : usual
  }
  t.match(await look({ tell: gone }), { read: ['10 read', '20 read', '30 gone', '40 read', '50 read'] })
})

t.end()

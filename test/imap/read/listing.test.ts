import t from 'tap'
import { sourceMail } from '../../../src/imap/read/listing.ts'
import type { Mailbox } from '../../../src/model/mailbox.ts'
import { ImapWire } from '../../support/imap-wire.ts'
import { PROVIDER } from '../../support/provider.ts'
import { startSource } from '../../support/source-server.ts'
import { tamperWith } from '../../support/tampering.ts'

const old = await startSource({ people: { anna: 'x' } })
t.teardown(() => old[Symbol.asyncDispose]())

t.test(
  'what a source does not list and opens is there; what it cannot open for another reason could not be asked',
  async (t) => {
    const told = async (refusal?: string) => {
      await using way = await tamperWith(old.port, (said) => {
        const unlisted = said.replace(/^\* LIST .*\r\n/gm, '')
        return refusal === undefined
          ? unlisted
          : unlisted.replace(/^\* STATUS .*\r\n(\S+) OK .*\r\n/gm, `$1 ${refusal}\r\n`)
      })
      await using session = await sourceMail.open({ ...PROVIDER, port: way.port }, 'anna', 'x')
      return (await session.mailboxes()).map(({ mailbox }) => mailbox.name)
    }
    t.same(await told(), ['INBOX'])
    t.same(await told('NO [NONEXISTENT] what?'), [])
    t.same(await told('NO Mailbox does not exist'), [])
    await t.rejects(told('NO [SERVERBUG] try again'), { code: 'old-unreachable' })
  },
)

t.test(
  'a folder whose name the source writes as no server may is there, and one that nobody can read is told',
  async (t) => {
    const listed = async (row: string) => {
      await using way = await tamperWith(old.port, (said) => said.replace(/^\* LIST .*INBOX\r\n/m, `$&${row}\r\n`))
      await using session = await sourceMail.open({ ...PROVIDER, port: way.port }, 'anna', 'x')
      return (await session.mailboxes()).map(({ mailbox: { name, separator } }) => `${name} ${separator}`)
    }
    t.same(await listed('* LIST () "/" "Re: "urgent" mail"'), ['INBOX /', 'Re: "urgent" mail /'])
    t.same(await listed('* LIST (\\HasNoChildren) "\\" "temp\\"'), ['INBOX /', 'temp\\ \\'])
    t.same(await listed('* LIST () NIL Old(2019)'), ['INBOX /', 'Old(2019) null'])
    t.same(await listed('* LIST (\\Noselect) "/" "a"b"'), ['INBOX /'])
    await t.rejects(listed('* LIST "/" "a"b"'), { code: 'old-protocol', message: /cannot be read: \* LIST "\/" "a"b"/ })
  },
)

t.test('subscriptions are read; a source that knows none has none', async (t) => {
  await using wire = await ImapWire.open({ host: 'localhost', port: old.port, user: 'anna', password: 'x' })
  await wire.command('SUBSCRIBE INBOX')
  await using session = await sourceMail.open({ ...PROVIDER, port: old.port }, 'anna', 'x')
  t.same(await session.subscribed(), new Set(['INBOX']))
  await using way = await tamperWith(old.port, (said) => said.replace(/^\* LSUB .*\r\n(\S+) OK .*/m, '$1 BAD what?'))
  await using other = await sourceMail.open({ ...PROVIDER, port: way.port }, 'anna', 'x')
  t.same(await other.subscribed(), new Set())
})

t.test('a source that hangs up whatever it is asked for ends the reading, and is not asked for ever', async (t) => {
  let hangUp = false
  await using way = await tamperWith(old.port, (said) => {
    return hangUp ? said.replace(/\{\d+\}\r\n.*$/s, '{9999999999999}\r\n') : said
  })
  const body = 'Subject: x\r\n\r\nx\r\n'
  await using wire = await ImapWire.open({ host: 'localhost', port: old.port, user: 'anna', password: 'x' })
  for (let number = 0; number < 60; number++) await wire.command('APPEND INBOX ', Buffer.from(body))
  await using session = await sourceMail.open({ ...PROVIDER, port: way.port }, 'anna', 'x')
  const [inbox] = await session.mailboxes()
  const opened = await session.examine(inbox?.mailbox as Mailbox)
  const messages = 'messages' in opened ? opened.messages : []
  t.equal(messages.length, 60)
  t.same(await Array.fromAsync(session.read(messages.slice(0, 2)), (one) => 'digest' in one), [true, true])
  hangUp = true
  const readings: unknown[] = []
  const reading = async () => {
    for await (const one of session.read(messages)) readings.push(one)
  }
  await t.rejects(reading(), { code: 'old-busy' })
  t.ok(readings.length < 60)
  t.match(readings[0], { uid: 1, unreadable: /./ })
})

t.test(
  'what a source calls a keyword, and is more than one word, is none: it would be said to the new server',
  async (t) => {
    const hostile = '$Kept "two \\\\Deleted" {9}\r\nx)\r\nz NOP '
    await using way = await tamperWith(old.port, (said) =>
      said.replace(/(?<=^\* \d+ FETCH .*FLAGS \()/gm, () => hostile),
    )
    await using session = await sourceMail.open({ ...PROVIDER, port: way.port }, 'anna', 'x')
    const [inbox] = await session.mailboxes()
    const opened = await session.examine(inbox?.mailbox as Mailbox)
    const [first] = 'messages' in opened ? opened.messages : []
    t.same(first?.keywords, ['$Kept'])
  },
)

t.end()

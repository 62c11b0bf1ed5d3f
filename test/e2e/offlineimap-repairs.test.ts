import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { compareAccounts } from '../support/compare.ts'
import { Copying } from '../support/copying.ts'
import { OWN } from '../support/debian.ts'
import { ImapWire } from '../support/imap-wire.ts'
import { seedMailboxes } from '../support/mailboxes.ts'

const PEOPLE = { anna: 'secret of anna' }

// Every test shows what happens without the repair; the first one shows that with all of them all is well.
const nasty = await Copying.start({ people: PEOPLE })
t.teardown(() => nasty[Symbol.asyncDispose]())
await seedMailboxes(nasty.atSource('anna', PEOPLE.anna), { separator: '/', prefix: '' })

let last = 0
/** Copies anna's mail to a fresh account. */
async function copy(copying: Copying, without?: string) {
  const id = ++last
  await copying.credentials([{ id: String(id), user: 'anna', password: PEOPLE.anna }])
  const order = copying.order(id)
  const run = await copying.run([order], without ? { without } : {})
  const compare = () => compareAccounts(copying.atSource('anna', PEOPLE.anna), copying.onNew(id))
  return { ...run, id, order, compare }
}

t.test('with all repairs everything arrives, and a second run is content', async (t) => {
  const { compare, order } = await copy(nasty)
  t.match(await compare(), { complete: true, onlyOnNew: [] })
  t.equal((await nasty.run([order])).code, 0)
})

t.test('without untouched bytes messages are rewritten, with exit code 0', async (t) => {
  const { code, compare } = await copy(nasty, 'messages.bytes_untouched')
  t.equal(code, 0)
  const { total } = await compare()
  t.ok(total.altered + total.missing > 5)
})

t.test('without kept dates every message is dated now, with exit code 0', async (t) => {
  const { code, compare } = await copy(nasty, 'messages.dates_kept')
  t.equal(code, 0)
  const { total } = await compare()
  t.equal(total.dates, total.messages)
})

t.test('without quoted names some mailboxes stay empty; Debian 13 quotes them itself', async (t) => {
  const { code, compare } = await copy(nasty, 'folders.names_quoted')
  t.equal(code, OWN.release === 12 ? 1 : 0)
  t.equal((await compare()).total.missing > 0, OWN.release === 12)
})

t.test('with names that are split mailboxes go astray, with exit code 0', async (t) => {
  const { code, compare } = await copy(nasty, 'folders.names_never_split')
  t.equal(code, 0)
  t.ok((await compare()).total.missing > 0)
})

t.test('without a status of their own "a.b" and "a/b" stop each other at the second run', async (t) => {
  const { order } = await copy(nasty, 'folders.own_status_per_mailbox')
  t.equal((await nasty.run([order], { without: 'folders.own_status_per_mailbox' })).code, 2)
})

t.test('the home is taken as it is written: variables, percent signs, blanks, any character, any locale', async (t) => {
  const home = join(nasty.new.mailRoot, 'ü $HOME $PATH %s %(x)s "q" ~ ]\u2028# ;x', 'home')
  const latin = { LC_ALL: 'C', PYTHONCOERCECLOCALE: '0', PYTHONUTF8: '0' }
  await nasty.credentials([{ id: '1000', user: 'anna', password: PEOPLE.anna }])
  const orders = [{ ...nasty.order(1000, { include: ['INBOX'] }), home }]
  const run = await nasty.run(orders, { env: { ...latin, HOME: '/elsewhere' } })
  t.equal(run.code, 0, run.output)
  t.ok((await readdir(join(home, 'Maildir', 'cur'))).length > 10)
  t.not((await nasty.run(orders, { without: 'run.paths_as_written' })).code, 0)
})

t.test('messages keep their order; without that many of one second are mixed up', async (t) => {
  await using copying = await Copying.start({ people: PEOPLE })
  await using old = await ImapWire.open(copying.atSource('anna', PEOPLE.anna))
  const numbers = Array.from({ length: 150 }, (_, at) => at)
  await Promise.all(numbers.map((at) => old.command('APPEND INBOX ', Buffer.from(`Subject: ${at}\r\n\r\n`))))
  const order = async (without?: string) => {
    const { id } = await copy(copying, without)
    await using now = await ImapWire.open(copying.onNew(id))
    await now.command('EXAMINE INBOX')
    const fetched = await now.command('FETCH 1:* (UID BODY.PEEK[HEADER.FIELDS (SUBJECT)])')
    return fetched.filter(({ literals }) => literals[0]).map(({ literals }) => Number(/\d+/.exec(String(literals[0]))))
  }
  t.strictSame(await order(), numbers)
  t.notSame(await order('messages.order_kept'), numbers)
})

t.test('line ends are kept where the source keeps them: CR CR LF stays', async (t) => {
  await using copying = await Copying.start({ people: PEOPLE, configuration: 'mail_save_crlf = yes' })
  await using old = await ImapWire.open(copying.atSource('anna', PEOPLE.anna))
  const body = Buffer.from('Subject: x\r\n\r\na\r\r\nb\r\r\r\n\r\n')
  await old.command('APPEND INBOX ', body)
  await old.command('EXAMINE INBOX')
  t.strictSame((await old.command('FETCH 1 BODY.PEEK[]'))[0]?.literals[0], body, 'the source shows what it was given')
  t.equal((await (await copy(copying)).compare()).complete, true)
})

t.end()

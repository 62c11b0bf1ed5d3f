import { chmod } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import type { Provider } from '../../src/model/provider.ts'
import { compareAccounts } from '../support/compare.ts'
import { Copying } from '../support/copying.ts'
import { ImapWire } from '../support/imap-wire.ts'
import { seedMailboxes } from '../support/mailboxes.ts'

const PEOPLE = { anna: 'secret of anna' }
const MESSAGE = Buffer.from('Subject: one\r\n\r\none\r\n')

let last = 0
/** Copies anna's mail to a fresh account. */
async function copy(copying: Copying, settings: { without?: string; provider?: Partial<Provider> } = {}) {
  const { without, provider } = settings
  const id = ++last
  await copying.credentials([{ id: String(id), user: 'anna', password: PEOPLE.anna }])
  const order = copying.order(id, provider)
  const run = await copying.run([order], without ? { without } : {})
  const compare = () => compareAccounts(copying.atSource('anna', PEOPLE.anna), copying.onNew(id))
  return { ...run, id, order, compare }
}

t.test("what the source announces counts: other people's mailboxes stay, any name arrives", async (t) => {
  await using copying = await Copying.start({
    people: PEOPLE,
    separator: '.',
    prefix: 'INBOX.',
    configuration: `
namespace others {
  type = public
  separator = .
  prefix = Public.
  location = maildir:~/../public
  list = yes
  subscriptions = no
}`,
  })
  await using old = await ImapWire.open(copying.atSource('anna', PEOPLE.anna))
  const names = ['Public.board', 'INBOX.mine', `INBOX.${'"\\'.repeat(20)}`, `INBOX.${'x/'.repeat(50)}`]
  for (const name of names) {
    await old.command('CREATE ', Buffer.from(name))
    await old.command('APPEND ', Buffer.from(name), ' ', MESSAGE)
  }
  const { code, output, compare } = await copy(copying)
  t.equal(code, 0, output)
  const { folders, onlyOnNew } = await compare()
  t.strictSame(onlyOnNew, [])
  t.match(
    folders.find((folder) => folder.old === 'Public.board'),
    { there: false, missing: 1 },
  )
  t.ok(folders.filter((folder) => folder.old !== 'Public.board').every((folder) => folder.there && !folder.missing))
  t.equal(folders.length, 5)
  const long = folders.find((folder) => folder.old.includes('x/x'))?.new ?? ''
  t.match(long, /^x\u2215x\u2215.* \([0-9a-f]{8}\)$/, 'a name that is too long for a file is shortened')
  const stock = await copy(copying, { without: 'folders.mailboxes_as_announced' })
  t.not(stock.code, 0)
})

t.test('include and exclude are IMAP LIST patterns on readable names', async (t) => {
  await using copying = await Copying.start({ people: PEOPLE })
  await seedMailboxes(copying.atSource('anna', PEOPLE.anna), { separator: '/', prefix: '' })
  const only = async (include: string[], exclude: string[] = []) => {
    const { compare } = await copy(copying, { provider: { include, exclude } })
    const { folders } = await compare()
    // An INBOX is always there; when it is not copied, all of it is missing.
    return folders.filter(({ there, missing }) => there && !missing).map(({ old }) => old)
  }
  t.strictSame(await only(['inbox']), ['INBOX'])
  t.strictSame(await only(['Archive/%']), ['Archive/2019'])
  t.strictSame(await only(['Archive*']), ['Archive/2019', 'Archive/2020/Q1'])
  t.strictSame((await only(['Entw?rfe', 'Entwürfe', '日本語/*', 'R&D'])).sort(), ['Entwürfe', 'R&D', '日本語/台北'])
  t.strictSame(await only(['a%'], ['a/*', 'apo*']), ['a.b'])
  t.strictSame(await only(['*'], ['%', '%/%', '%/%/%']), [])
})

t.test('one mailbox that cannot be opened fails alone, and is named', async (t) => {
  await using copying = await Copying.start({ people: PEOPLE })
  await using old = await ImapWire.open(copying.atSource('anna', PEOPLE.anna))
  for (const name of ['one', 'two', 'three']) {
    await old.command(`CREATE ${name}`)
    await old.command(`APPEND ${name} `, MESSAGE)
  }
  await chmod(join(copying.old.home('anna'), 'mail', '.two'), 0)
  const { code, output, id } = await copy(copying)
  t.equal(code, 1, output)
  t.match(output, /ERROR: .*two/)
  t.match(output, `postferry: m-${id} incomplete`)
  await using now = await ImapWire.open(copying.onNew(id))
  for (const [name, count] of Object.entries({ one: 1, two: 0, three: 1 })) {
    t.match((await now.command(`STATUS ${name} (MESSAGES)`))[0]?.line, `MESSAGES ${count}`)
  }
})

import t, { type Test } from 'tap'
import { listMailboxes } from '../support/compare.ts'
import { OWN } from '../support/debian.ts'
import { DoveadmCopying } from '../support/doveadm-copying.ts'
import { ImapWire } from '../support/imap-wire.ts'
import { decodeName, encodeName } from '../support/mailbox-names.ts'
import { seed } from '../support/seed.ts'

const ANNA = ['anna@old.example', 'Correct-Horse-9'] as const
const BEN = ['ben@old.example', 'secret of ben'] as const
const CLEO = ['cleo@old.example', 'secret of cleo'] as const
const PEOPLE = Object.fromEntries([ANNA, BEN, CLEO])
const MAP = { provider: { roles: 'map' } } as const

t.test('folders for sent mail and such go into those of the new server', async (t) => {
  const marked = 'namespace inbox {\n  mailbox Ablage {\n    special_use = \\Archive\n  }\n}'
  await using copying = await DoveadmCopying.start({ people: PEOPLE, configuration: marked })
  await t.test('by what the old server says, or by their names; both stay where it has both', (t) => maps(t, copying))
  await t.test('what was copied before keeps its place', (t) => keeps(t, copying))
})

async function maps(t: Test, copying: DoveadmCopying): Promise<void> {
  const names = ['INBOX', 'Gesendet', 'Entwürfe', 'Entwürfe/alt', 'Ablage', 'Junk', 'Spam', 'Projekte/Gesendet']
  await seed(copying.old.port, ANNA, 2, names.map(encodeName))
  {
    await using wire = await ImapWire.open(copying.atSource(ANNA))
    await wire.command('SUBSCRIBE Gesendet')
  }
  const run = () => copying.run(1, ANNA, { ...MAP, isCompared: true })
  const output = 'Junk and Spam keep their names: the old server has 2 folders for that'
  t.match(await run(), { outcome: 'complete', messages: 16, output, ledger: 'clean' })
  const there = { Archive: 2, Drafts: 2, 'Drafts/alt': 2, INBOX: 2, Junk: 2, 'Projekte/Gesendet': 2, Sent: 2, Spam: 2 }
  t.same(await counts(copying, 1), there)
  await using wire = await ImapWire.open(copying.onNew(1))
  t.match(await wire.command('LSUB "" "*"'), [{ line: /Sent$/ }, {}], 'the subscription, too')
  await seed(copying.old.port, ANNA, 1, ['Gesendet'])
  t.match(await run(), { outcome: 'complete', messages: 1, ledger: 'clean' })
  t.same(await counts(copying, 1), { ...there, Sent: 3 })
  await seed(copying.old.port, ANNA, 1, ['Sent'])
  const both = await run()
  t.match(both, {
    outcome: 'complete',
    messages: 1,
    output: /^Sent has another name here: the folder that was copied into its place stays there$/m,
    ledger: 'clean',
  })
  const { Sent, ...others } = await counts(copying, 1)
  t.equal(Sent, 3, 'what went there stays there, and nothing is twice')
  const [beside = ''] = Object.keys(others).filter((name) => /^Sent \([0-9a-f]{8}\)$/.test(name))
  t.equal(others[beside], 1)
  const other = await copying.run(1, ANNA, { engine: 'offlineimap' })
  t.match(other, { outcome: 'engine-missing', output: /would copy folders again/ })
}

async function keeps(t: Test, copying: DoveadmCopying): Promise<void> {
  await seed(copying.old.port, BEN, 2, ['INBOX', 'Gesendet'])
  t.match(await copying.run(2, BEN, { engine: 'offlineimap' }), { outcome: 'complete', messages: 4 })
  await seed(copying.old.port, BEN, 1, ['Gesendet'])
  t.match(await copying.run(2, BEN, { ...MAP, isCompared: true }), { messages: 1, ledger: 'clean' })
  t.same(await counts(copying, 2), { INBOX: 2, Gesendet: 3 })
}

t.test('the new server’s configuration says what they are called there', async (t) => {
  const configuration = () => `mail_location = maildir:~/Maildir
mail_plugins = listescape
namespace inbox {
  mailbox "Sent Messages" {
    special_use = \\Sent
  }
}`
  const plain = `mail_driver = maildir
mail_path = ~/Maildir
mail_inbox_path = ~/Maildir
mailbox_list_storage_escape_char = "\\\\"
namespace inbox {
  mailbox "Sent Messages" {
    special_use = "\\\\Sent"
  }
}`
  const storage = OWN.dovecot === '2.3' ? configuration : () => plain
  await using copying = await DoveadmCopying.start({ people: PEOPLE }, OWN, storage)
  await seed(copying.old.port, CLEO, 1, ['INBOX', 'Gesendet'])
  t.match(await copying.run(3, CLEO, { ...MAP, isCompared: true }), { messages: 2, ledger: 'clean' })
  t.same(await counts(copying, 3), { INBOX: 1, 'Sent Messages': 1 })
})

/** How many messages each folder of the destination has that is not empty. */
async function counts(copying: DoveadmCopying, id: number): Promise<Record<string, number>> {
  await using wire = await ImapWire.open(copying.onNew(id))
  const found: [string, number][] = []
  for (const { name } of await listMailboxes(wire)) {
    const [status] = await wire.command('STATUS ', Buffer.from(name), ' (MESSAGES)')
    const messages = Number(/MESSAGES (\d+)/.exec(status?.line ?? '')?.[1])
    if (messages > 0) found.push([decodeName(name), messages])
  }
  return Object.fromEntries(found)
}

t.end()

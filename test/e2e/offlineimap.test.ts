import { readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { compareAccounts } from '../support/compare.ts'
import { Copying } from '../support/copying.ts'
import { bothDebians, type Debian, debian } from '../support/debian.ts'
import { ImapWire } from '../support/imap-wire.ts'
import { type Naming, seedMailboxes, wireName } from '../support/mailboxes.ts'

const SLASH: Naming = { separator: '/', prefix: '' }
const DOT: Naming = { separator: '.', prefix: 'INBOX.' }
/** Each naming and each release once; in the long run all of one with all of the other. */
const SOURCES: (Naming & { by: Debian })[] = process.env.POSTFERRY_SOAK
  ? bothDebians().flatMap((by) => [SLASH, DOT].map((naming) => ({ ...naming, by })))
  : [
      { ...SLASH, by: debian(12) },
      { ...DOT, by: debian(13) },
    ]
const PEOPLE = { anna: 'secret of anna' }

for (const { by, ...naming } of SOURCES) {
  t.test(
    `a source with separator "${naming.separator}" and prefix "${naming.prefix}", copied by Debian ${by.release}`,
    async (t) => {
      await using copying = await Copying.start({ people: PEOPLE, ...naming }, by)
      await copying.openAll(PEOPLE)
      const [atSource, onNew] = [copying.atSource('anna', PEOPLE.anna), copying.onNew(1)]
      await seedMailboxes(atSource, naming)
      const before = await stateOf(copying)
      const compare = () => compareAccounts(atSource, onNew)
      const copy = () => copying.run([copying.order(1)])

      await t.test('arrives complete: every mailbox, byte, date and system flag', async (t) => {
        const run = await copy()
        t.equal(run.code, 0, run.output)
        t.match(run.output, 'postferry: m-1 complete')
        const { folders, total, onlyOnNew } = await compare()
        t.strictSame(total, { messages: total.messages, missing: 0, altered: 0, dates: 0, flags: 0, extra: 0 })
        t.ok(total.messages > 250)
        t.strictSame(
          folders.filter(({ there }) => !there),
          [],
        )
        t.equal(folders.length, 40)
        t.strictSame(onlyOnNew, [])
        t.notMatch(copying.new.log(), /Error|Panic/)
      })

      await t.test('is the same afterwards: files, flags in their names, new mail still new', async (t) => {
        t.strictSame(await stateOf(copying), before)
      })

      await t.test('is not copied again by a second run', async (t) => {
        const run = await copy()
        t.equal(run.code, 0, run.output)
        t.notMatch(run.output, /Copy message|Creating folder|Adding flag|Deleting/)
        t.equal((await compare()).total.extra, 0)
      })

      await t.test('is not copied again when OfflineIMAP has forgotten everything', async (t) => {
        await rm(join(copying.folder, 'metadata', 'Account-m-1'), { recursive: true })
        for (const side of ['old', 'new']) {
          await rm(join(copying.folder, 'metadata', `Repository-m-1-${side}`), { recursive: true })
        }
        const run = await copy()
        t.equal(run.code, 0, run.output)
        const { complete, total } = await compare()
        t.equal(complete, true)
        t.equal(total.extra, 0)
      })

      await t.test(
        'takes its later changes along: new mail and flags, not what the person did on the destination',
        async (t) => {
          await using old = await ImapWire.open(atSource)
          await using now = await ImapWire.open(onNew)
          await old.command('APPEND INBOX ', Buffer.from('Subject: later\r\n\r\nlater\r\n'))
          await old.command('SELECT INBOX')
          await old.command('STORE 1 FLAGS (\\Answered $Forwarded)')
          await now.command('SELECT INBOX')
          await now.command('STORE 2 FLAGS (\\Flagged MyOwnKeyword)')
          await now.command('STORE 3 +FLAGS (\\Deleted)')
          await now.command('UID EXPUNGE 3')
          await now.command('NOOP')
          const run = await copy()
          t.equal(run.code, 0, run.output)
          t.equal(run.output.match(/Copy message/g)?.length, 1)
          const [inbox] = (await compare()).folders.filter((folder) => folder.old === 'INBOX')
          t.match(inbox, { missing: 1, altered: 0, dates: 0, flags: 1, extra: 0 })
          const flags = (await now.command('FETCH 1:2 FLAGS')).map(({ line }) => line)
          t.match(flags[0], '\\Answered')
          t.match(flags[1], /\\Flagged.* MyOwnKeyword/)
          t.notMatch(await filesOf(copying), /\/T\b/)
        },
      )

      await t.test('may be emptied, and nothing on the destination is lost', async (t) => {
        const count = (await compare()).folders.find((folder) => folder.old === 'INBOX')?.messages ?? 0
        await using old = await ImapWire.open(atSource)
        await old.command('SELECT INBOX')
        await old.command('STORE 1:* +FLAGS (\\Deleted)')
        await old.command('EXPUNGE')
        await old.command('CLOSE')
        await old.command('DELETE ', Buffer.from(wireName(['Sent'], naming)))
        const run = await copy()
        t.equal(run.code, 0, run.output)
        const { folders, onlyOnNew } = await compare()
        t.equal(
          folders.find((folder) => folder.old === 'INBOX')?.extra,
          count - 1,
          'one was expunged on the destination',
        )
        t.strictSame(onlyOnNew, ['Sent'])
      })

      await t.test('may be made anew, and nothing on the destination is mixed up: the run says so', async (t) => {
        await using old = await ImapWire.open(atSource)
        const name = Buffer.from(wireName(['Drafts'], naming))
        await old.command('DELETE ', name)
        await old.command('CREATE ', name)
        await old.command('APPEND ', name, ' ', Buffer.from('Subject: another first message\r\n\r\n'))
        const run = await copy()
        t.equal(run.code, 2, run.output)
        t.match(run.output, 'UID validity problem')
        t.match(run.output, 'postferry: m-1 incomplete')
        const drafts = (await compare()).folders.find((folder) => folder.new === 'Drafts')
        t.match(drafts, { missing: 1, extra: 4 })
      })
    },
  )
}

t.test('without read-only the source would change: new mail is new no more', async (t) => {
  await using copying = await Copying.start({ people: PEOPLE })
  await copying.openAll(PEOPLE)
  await using old = await ImapWire.open(copying.atSource('anna', PEOPLE.anna))
  await old.command('APPEND INBOX ', Buffer.from('Subject: new\r\n\r\n'))
  const before = await stateOf(copying)
  t.equal((await copying.run([copying.order(1)])).code, 0)
  t.strictSame(await stateOf(copying), before)
  t.equal((await copying.run([copying.order(1)], { without: 'connection.only_reads' })).code, 0)
  t.not(await stateOf(copying), before)
})

/**
 * The source's mail as it lies on its disk (cur or new, flags in the name, size, time) and what IMAP says of the INBOX.
 */
async function stateOf(copying: Copying): Promise<string> {
  await using wire = await ImapWire.open(copying.atSource('anna', PEOPLE.anna))
  const status = await wire.command('STATUS INBOX (MESSAGES RECENT UNSEEN UIDNEXT UIDVALIDITY)')
  return `${status[0]?.line}\n${await filesOf(copying)}`
}

async function filesOf(copying: Copying): Promise<string> {
  const root = copying.old.home('anna')
  const found: string[] = []
  for (const entry of await readdir(root, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name)
    const isOwnRecord = entry.name.startsWith('dovecot')
    if (isOwnRecord || !entry.isFile()) continue
    const { size, mtimeMs } = await stat(path)
    found.push(`${path} ${size} ${mtimeMs}`)
  }
  return found.sort().join('\n')
}

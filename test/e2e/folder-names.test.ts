import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { mirrorIn } from '../../src/model/mirror.ts'
import { compareAccounts } from '../support/compare.ts'
import { bothDebians } from '../support/debian.ts'
import { DoveadmCopying } from '../support/doveadm-copying.ts'
import { ImapWire, type Part } from '../support/imap-wire.ts'

const ANNA = ['anna@old.example', 'secret of anna'] as const
const BEN = ['ben@old.example', 'secret of ben'] as const
const CLEO = ['cleo@old.example', 'secret of cleo'] as const
const PEOPLE = Object.fromEntries([ANNA, BEN, CLEO])

/** What programs take for options, for brackets of a question, or for the end of a line (U+2028). */
const NAMES = ['-Alt', '- Kunden', '-A', '(', 'Angebote&ICg- 2019']

for (const debian of bothDebians()) {
  t.test(`to a Dovecot ${debian.dovecot}`, async (t) => {
    await using copying = await DoveadmCopying.start({ people: PEOPLE }, debian)
    await t.test('a name is never taken for something else', (t) => copied(t, copying))
    await t.test('nor in a mirror', (t) => mirrored(t, copying))
    await t.test('what is excluded takes nothing with it whose name is like its own', (t) => excluded(t, copying))
  })
}

async function copied(t: Test, copying: DoveadmCopying): Promise<void> {
  const old = copying.atSource(ANNA)
  await on(old, ...NAMES.flatMap((name) => [[`CREATE "${name}"`], append(name, 'first')]))
  t.match(await copying.run(1, ANNA), { outcome: 'complete', messages: NAMES.length })
  // So few are looked for by their names, and so few are renewed one by one.
  for (const some of [NAMES.slice(0, 3), NAMES.slice(3)]) {
    await on(old, ...some.map((name) => append(name, 'second')))
    t.match(await copying.run(1, ANNA), { outcome: 'complete', messages: some.length, output: '' })
    await on(old, ...some.map((name) => append(name, 'third')))
    t.match(await copying.run(1, ANNA, { changed: some }), { outcome: 'complete', messages: some.length, output: '' })
  }
  const { complete, total } = await compareAccounts(old, copying.onNew(1))
  t.ok(complete, JSON.stringify(total))
  t.equal(total.extra, 0)
}

async function mirrored(t: Test, copying: DoveadmCopying): Promise<void> {
  const old = copying.atSource(BEN)
  await on(old, ...NAMES.flatMap((name) => [[`CREATE "${name}"`], append(name, 'first')]))
  for (const text of ['second', 'third']) {
    t.match(await copying.run(2, BEN, { isMirrored: true }), { outcome: 'complete', folders: NAMES.length + 1 })
    await on(old, ...NAMES.map((name) => append(name, text)))
  }
  t.match(await copying.run(2, BEN, { isMirrored: true }), { outcome: 'complete' })
  t.same(inMirror(copying, 2), Object.fromEntries([['', 0], ...NAMES.map((name) => [`.${name}`, 3])]))
}

async function excluded(t: Test, copying: DoveadmCopying): Promise<void> {
  const old = copying.atSource(CLEO)
  const names = ['Kunde?', 'KundeA', 'Stern*', 'Sterne', 'Sterntaler', '\\\\Gone', 'Sent']
  await on(old, ...names.flatMap((name) => [[`CREATE "${name}"`], append(name, 'first')]))
  const provider = { exclude: ['Kunde?', '\\Gone', 'Sterne'] }
  t.match(await copying.run(3, CLEO, { provider }), { outcome: 'complete', messages: 4, output: '' })
  t.same((await foldersOn(copying.onNew(3))).sort(), ['INBOX', 'KundeA', 'Sent', 'Stern*', 'Sterntaler'])
  t.match(await copying.run(4, CLEO, { provider, isMirrored: true }), {
    outcome: 'incomplete',
    output: /^doveadm cannot leave out Kunde\? without others that are called alike: /,
  })
  const both = { exclude: ['Kunde%', '\\Gone', 'Sterne'] }
  t.match(await copying.run(5, CLEO, { provider: both, isMirrored: true }), { outcome: 'complete', output: '' })
  t.same(inMirror(copying, 5), { '': 0, '.Sent': 1, '.Stern*': 1, '.Sterntaler': 1 })
}

async function foldersOn(account: Parameters<typeof ImapWire.open>[0]): Promise<string[]> {
  await using wire = await ImapWire.open(account)
  const listed = await wire.command('LIST "" "*"')
  return listed.flatMap(({ line }) => /^\* LIST \([^)]*\) "." "?([^"]*)"?$/.exec(line)?.[1] ?? [])
}

/** How many messages each directory of a mirror has. */
function inMirror(copying: DoveadmCopying, id: number): Record<string, number> {
  const maildir = join(mirrorIn(copying.home(id)), 'Maildir')
  const names = ['', ...readdirSync(maildir).filter((name) => name.startsWith('.'))]
  const count = (name: string) => ['cur', 'new'].flatMap((part) => readdirSync(join(maildir, name, part))).length
  return Object.fromEntries(names.map((name) => [name, count(name)]))
}

function append(mailbox: string, name: string): Part[] {
  const body = Buffer.from(
    `Message-ID: <${name}@${Buffer.from(mailbox).toString('hex')}>\r\nSubject: ${name}\r\n\r\n${name}\r\n`,
  )
  return [`APPEND "${mailbox}" () "01-Feb-2003 04:05:06 +0700" `, body]
}

async function on(account: Parameters<typeof ImapWire.open>[0], ...commands: Part[][]): Promise<void> {
  await using wire = await ImapWire.open(account)
  for (const command of commands) await wire.command(...command)
}

t.end()

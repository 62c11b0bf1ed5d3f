import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { compareAccounts } from '../support/compare.ts'
import { bothDebians, type Debian, OWN } from '../support/debian.ts'
import { DoveadmCopying } from '../support/doveadm-copying.ts'
import { readBeside } from '../support/fidelity.ts'
import { ImapWire, type Part } from '../support/imap-wire.ts'
import { seedMailboxes } from '../support/mailboxes.ts'
import { formsFound, watchProcesses } from '../support/secrets.ts'

const ANNA = ['anna@old.example', 'na%st;y#"q\' \\x ü'] as const
const BEN = ['ben@old.example', 'secret of ben'] as const
const CLEO = ['cleo@old.example', 'secret of cleo'] as const
const DORA = ['dora@old.example', 'secret of dora'] as const
const PEOPLE = Object.fromEntries([ANNA, BEN, CLEO, DORA])

for (const debian of bothDebians()) {
  t.test(`to a Dovecot ${debian.dovecot}`, async (t) => {
    await using copying = await DoveadmCopying.start({ people: PEOPLE, userIpConnections: 1 }, debian)
    await t.test('all is the same, through one connection, and the password is nowhere', (t) => all(t, copying))
    await t.test('each side’s changes meet', (t) => bothSides(t, copying))
    await t.test('what has changed alone is looked at', (t) => changes(t, copying))
    await t.test('a migration may change its engine, and change it back', (t) => engines(t, copying, debian))
  })
}

async function all(t: Test, copying: DoveadmCopying): Promise<void> {
  const naming = { separator: '/', prefix: '' } as const
  await seedMailboxes(copying.atSource(ANNA), naming)
  await on(copying.atSource(ANNA), ['SUBSCRIBE INBOX'], ['SUBSCRIBE Archive/2019'], ['SUBSCRIBE &ZeVnLIqe-/&U,BTFw-'])
  const watch = watchProcesses([ANNA[1]])
  const first = await copying.run(1, ANNA)
  const { looks, found } = watch.stop()
  t.match(first, { outcome: 'complete', folders: 40, messages: 276, seen: 276, output: '' })
  t.ok(looks > 3, `${looks} looks at all processes`)
  t.same(found, [], 'in no argument and no environment')
  t.same(secretsBelow(copying.home(1)).concat(secretsBelow(copying.stateFolder)), [], 'in no file')
  await isSame(t, copying, ANNA, 1)
  const before = filesBelow(join(copying.home(1), 'Maildir'))
  t.match(await copying.run(1, ANNA), { outcome: 'complete', messages: 0 })
  t.same(filesBelow(join(copying.home(1), 'Maildir')), before, 'a second run copies nothing')
}

async function bothSides(t: Test, copying: DoveadmCopying): Promise<void> {
  const [old, now] = [copying.atSource(BEN), copying.onNew(2)]
  await on(old, ...['a', 'b', 'c', 'd', 'e', 'f', 'twin', 'twin'].map((name) => append('INBOX', name)))
  await on(old, ['CREATE Sent'], append('Sent', 's'), ['CREATE Empty'], ['SUBSCRIBE Sent'])
  t.match(await copying.run(2, BEN), { outcome: 'complete', messages: 9 })
  await isSame(t, copying, BEN, 2)
  await on(
    now,
    ...[['SELECT INBOX'], ['STORE 1 +FLAGS (\\Answered hers)'], ['STORE 2,7 +FLAGS (\\Deleted)'], ['EXPUNGE']],
    ...[['CREATE Kept'], ['MOVE 2 Kept'], ['DELETE Empty'], ['SUBSCRIBE Kept'], ['UNSUBSCRIBE Sent']],
    append('INBOX', 'hers'),
  )
  await on(
    old,
    ...[['SELECT INBOX'], ['STORE 1,4 +FLAGS (\\Flagged theirs)'], ['STORE 5 +FLAGS (\\Deleted)'], ['EXPUNGE']],
    ...[['STORE 1 +FLAGS (\\Seen)'], ['SUBSCRIBE INBOX'], append('INBOX', 'new'), append('Sent', 'newer')],
  )
  t.match(await copying.run(2, BEN), { outcome: 'complete', messages: 2 })
  t.same(await mailOf(now), {
    INBOX: ['a \\Answered \\Flagged \\Seen hers theirs', ...['d \\Flagged theirs', 'e', 'f', 'hers', 'new', 'twin']],
    Kept: ['c'],
    Sent: ['newer', 's'],
  })
  t.same((await readBeside(now, 'destination')).subscriptions, ['INBOX', 'Kept'], 'hers stay')
  t.match(await copying.run(2, BEN), { outcome: 'complete', messages: 0 })
  await on(old, ['SELECT INBOX'], ['STORE 1 -FLAGS (theirs \\Seen)'], ['MOVE 4 Sent'])
  t.match(
    await copying.run(2, BEN),
    { outcome: 'complete', messages: 0 },
    'what moves at the source comes no second time',
  )
  const { INBOX = [], Sent } = await mailOf(now)
  t.same(
    [INBOX.slice(0, 2), Sent],
    [
      ['a \\Answered \\Flagged hers', 'd \\Flagged theirs'],
      ['newer', 's'],
    ],
  )
}

async function changes(t: Test, copying: DoveadmCopying): Promise<void> {
  const [old, now] = [copying.atSource(DORA), copying.onNew(4)]
  await on(old, append('INBOX', 'a'), append('INBOX', 'b'), ['CREATE Sent'], append('Sent', 's'))
  await on(old, ['CREATE Other'], append('Other', 'o'))
  t.match(await copying.run(4, DORA), { outcome: 'complete', messages: 4 })
  await on(old, append('Other', 'unseen'), append('Sent', 'new', '(\\Seen kw)'))
  await on(old, ['SELECT INBOX'], ['STORE 1 +FLAGS (\\Flagged)'], ['MOVE 2 Sent'])
  t.match(await copying.run(4, DORA, { changed: ['INBOX', 'Sent'] }), { outcome: 'complete', messages: 1 })
  t.same(await mailOf(now), { INBOX: ['a \\Flagged', 'b'], Sent: ['new \\Seen kw', 's'], Other: ['o'] })
  t.match(await copying.run(4, DORA), { outcome: 'complete', messages: 1 }, 'the rest comes when all is looked at')
  t.same((await mailOf(now)).Other, ['o', 'unseen'])
}

async function engines(t: Test, copying: DoveadmCopying, debian: Debian): Promise<void> {
  const [old, now] = [copying.atSource(CLEO), copying.onNew(3)]
  await on(old, append('INBOX', 'one', '(\\Seen)'), append('INBOX', 'two', '(kw)'), append('INBOX', 'three'))
  const engine = debian === OWN ? 'offlineimap' : 'doveadm'
  t.match(await copying.run(3, CLEO, { engine }), { outcome: 'complete', messages: 3 })
  await on(now, ['SELECT INBOX'], ['STORE 3 +FLAGS (\\Deleted)'], ['EXPUNGE'])
  await on(old, append('INBOX', 'four'))
  t.match(await copying.run(3, CLEO), { outcome: 'complete', messages: 1 })
  t.same(await mailOf(now), { INBOX: ['four', 'one \\Seen', 'two kw'] })
  await on(old, append('INBOX', 'five'))
  t.match(await copying.run(3, CLEO, { engine }), { outcome: 'complete', messages: 1 })
  t.same(await mailOf(now), { INBOX: ['five', 'four', 'one \\Seen', 'two kw'] })
  t.match(await copying.run(3, CLEO), { outcome: 'complete', messages: 0 })
}

/** By a comparison that shares nothing with the engine. */
async function isSame(t: Test, copying: DoveadmCopying, person: readonly [string, string], id: number): Promise<void> {
  const [old, now] = [copying.atSource(person), copying.onNew(id)]
  const { complete, total, onlyOnNew } = await compareAccounts(old, now)
  t.ok(complete, JSON.stringify(total))
  t.same([total.extra, onlyOnNew], [0, []])
  t.same(await readBeside(now, 'destination'), await readBeside(old, 'source'), 'keywords and subscriptions')
}

function append(mailbox: string, name: string, flags = '()'): Part[] {
  const body = Buffer.from(`Message-ID: <${name}@old.example>\r\nSubject: ${name}\r\n\r\n${name}\r\n`)
  return [`APPEND ${mailbox} ${flags} "01-Feb-2003 04:05:06 +0700" `, body]
}

async function on(account: Parameters<typeof ImapWire.open>[0], ...commands: Part[][]): Promise<void> {
  await using wire = await ImapWire.open(account)
  for (const command of commands) await wire.command(...command)
}

/** Subjects with their flags, by folder; empty folders are left out. */
async function mailOf(account: Parameters<typeof ImapWire.open>[0]): Promise<Record<string, string[]>> {
  await using wire = await ImapWire.open(account)
  const found: Record<string, string[]> = {}
  for (const { line } of await wire.command('LIST "" "*"')) {
    const [, name] = /^\* LIST \([^)]*\) "." "?([^"]*)"?$/.exec(line) ?? []
    if (name === undefined) continue
    const opened = await wire.command(`EXAMINE "${name}"`)
    if (opened.some(({ line }) => line === '* 0 EXISTS')) continue
    const mail = await wire.command('FETCH 1:* (FLAGS BODY.PEEK[HEADER.FIELDS (SUBJECT)])')
    found[name] = mail.flatMap(({ line, literals }) => {
      const [, subject] = /Subject: (.*)\r/.exec(literals[0]?.toString() ?? '') ?? []
      const flags = (/FLAGS \(([^)]*)\)/.exec(line)?.[1] ?? '')
        .split(' ')
        .filter((flag) => !['', '\\Recent'].includes(flag))
      return subject === undefined ? [] : [[subject, ...flags.sort()].join(' ')]
    })
    found[name].sort()
  }
  return found
}

function filesBelow(folder: string): string[] {
  const names = existsSync(folder) ? readdirSync(folder, { recursive: true, encoding: 'utf8' }) : []
  return names.filter((name) => /(^|\/)(cur|new)\/./.test(name)).sort()
}

function secretsBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .flatMap((entry) => formsFound(readFileSync(join(entry.parentPath, entry.name)), [ANNA[1]]))
}

t.end()

import { appendFile, readdir, readFile, rename, rm, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import type { Copying } from '../support/copying.ts'
import { ImapWire } from '../support/imap-wire.ts'
import {
  ANNA,
  CLEAN,
  changeFile,
  fileOf,
  keptInMemory,
  MESSAGES,
  ordinary,
  summary,
  told,
  verifyCopy,
  withCopy,
} from '../support/ledgers.ts'

for (const naming of [
  { separator: '/', prefix: '' },
  { separator: '.', prefix: 'INBOX.' },
] as const) {
  t.test(`nasty mailboxes are proved as OfflineIMAP has copied them: ${naming.prefix || 'no prefix'}`, async (t) => {
    await using copy = await withCopy(naming)
    const { copying, order, maildir, empty } = copy
    const ledger = await verifyCopy(copying, order, ANNA)
    t.match(summary(ledger), { ...CLEAN, fetched: MESSAGES })
    t.strictSame(told(ledger), [])
    t.equal(ledger.folders.length, 40)
    const made = (await readdir(maildir)).filter((name) => name.startsWith('.') && !name.startsWith('.lock'))
    t.strictSame(
      ledger.folders
        .map(({ directory }) => directory)
        .filter(Boolean)
        .sort(),
      made.sort(),
    )
    const blind = await verifyCopy(copying, order, ANNA, keptInMemory(), { metadata: empty })
    t.match(summary(blind), CLEAN, 'without what OfflineIMAP remembers')
    const some = { ...order, provider: { ...order.provider, include: ['*Archive*', 'inbox'], exclude: ['*2020*'] } }
    const titles = (await verifyCopy(copying, some, ANNA)).folders.map(({ name }) => name)
    const wanted = [`${naming.prefix}Archive${naming.separator}2019`, 'INBOX']
    t.strictSame(titles.sort(), wanted.sort(), 'as the provider wants')
  })
}

/** What people and accidents do to the destination, and the source's own life; each in a folder of its own. */
async function tamper({ copying, maildir }: { copying: Copying; maildir: string }): Promise<void> {
  await rm(await fileOf(maildir, '.Sent', 2))
  await changeFile(await fileOf(maildir, '.Drafts', 2), (bytes) => {
    bytes[bytes.length - 4] = 0x21
  })
  await utimes(await fileOf(maildir, '.Archive.2019', 1), 1_000_000_000, 1_000_000_000)
  const flagged = await fileOf(maildir, '.a.b', 3)
  await rename(flagged, flagged.replace(/:2,.*$|$/, ':2,FS').replace('/new/', '/cur/'))
  await rename(join(maildir, '.R&-D'), join(maildir, '.Renamed'))
  const moved = await fileOf(maildir, '.star*', 1)
  await rename(moved, moved.replace('/.star*/', '/.cur/'))
  for (const uid of [1, 2, 3, 4, 5]) {
    const tidied = await fileOf(maildir, ".apostrophe's", uid)
    await rename(tidied, tidied.replace("/.apostrophe's/", '/.cur/'))
  }
  for (const directory of [".apostrophe's", '.(open']) await rm(join(maildir, directory), { recursive: true })
  await using old = await ImapWire.open(copying.atSource(...ANNA))
  await old.command('APPEND NIL ', ordinary('late'))
  const own = join(maildir, '.Work.inbox/cur/1.own.vm:2,S')
  await writeFile(own, ordinary('own'))
  const first = await fileOf(maildir, '.Work.inbox', 1)
  await writeFile(join(maildir, '.Work.inbox/cur/2.second.vm:2,'), await readFile(first))
}

/** Differences without the bytes of altered ones, in one order. */
const plain = (lines: string[]) =>
  lines.map((line) => line.replace(/\d+ bytes, SHA-256 [0-9a-f]{16}…/g, 'bytes')).sort()

t.test('everything that was done to the destination is named exactly, as far as it can be known', async (t) => {
  await using copy = await withCopy()
  const { copying, order, empty } = copy
  const kept = keptInMemory()
  t.match(summary(await verifyCopy(copying, order, ANNA, kept)), CLEAN)
  await tamper(copy)
  const always = [
    'altered Drafts 2 bytes → bytes',
    'date Archive/2019 1 1981-01-01T11:59:59Z → 2001-09-09T01:46:40Z',
    ...[1, 2, 3, 4, 5].map((uid) => `moved R&D ${uid} here → in Renamed`),
    'folder R&D renamed: Renamed',
    'moved star* 1 here → in cur',
    ...[1, 2, 3, 4, 5].map((uid) => `moved apostrophe's ${uid} here → in cur`),
    "folder apostrophe's removed",
  ]
  const opened = [1, 2, 3, 4, 5, 6]

  const blind = await verifyCopy(copying, order, ANNA, keptInMemory(), { metadata: empty })
  const gone = ['Sent 2', ...opened.map((uid) => `(open ${uid}`)]
  const missing = [...gone, 'NIL 5'].map((one) => `missing ${one} here → nowhere`)
  const flags = 'a/b 3 \\Flagged \\Answered → \\Flagged \\Seen'
  t.strictSame(plain(told(blind)), [...always, ...missing, 'folder (open missing', `flags ${flags}`].sort())
  t.match(summary(blind), { code: 'differs', extra: 2, duplicated: 1 })

  const delivered = await verifyCopy(copying, order, ANNA)
  const lost = gone.map((one) => `lost ${one} here → was delivered here, and never seen`)
  const waiting = 'waiting NIL 5 here → not copied yet'
  t.strictSame(
    plain(told(delivered)),
    [...always, ...lost, 'folder (open missing', `reflagged ${flags}`, waiting].sort(),
  )
  t.equal(delivered.code, 'lost')

  // Its proofs are from before: they, and not the source, say what the messages were.
  const proved = await verifyCopy(copying, order, ANNA, kept, { metadata: empty })
  const late = 'missing NIL 5 here → nowhere'
  const removed = gone.map((one) => `removed ${one} here → was proved here before`)
  t.strictSame(plain(told(proved)), [...always, ...removed, 'folder (open removed', `reflagged ${flags}`, late].sort())
  t.match(summary(proved), { code: 'differs', faults: 3, changes: 6 + 5 + 7 + 1 })
})

t.test("a person's own changes leave the ledger clean; an administrator can accept the rest", async (t) => {
  await using copy = await withCopy()
  const { copying, order, maildir } = copy
  const kept = keptInMemory()
  t.match(summary(await verifyCopy(copying, order, ANNA, kept)), CLEAN)
  await rm(await fileOf(maildir, '.Sent', 2))
  await rename(join(maildir, '.R&-D'), join(maildir, '.Renamed'))
  await rm(join(maildir, '.no messages'), { recursive: true })
  const own = await verifyCopy(copying, order, ANNA, kept)
  t.match(summary(own), { code: null, faults: 0, changes: 6, proved: MESSAGES - 1 })
  t.match(told(own), [/^folder R&D renamed/, 'folder no messages removed'])

  const altered = await fileOf(maildir, '.Drafts', 1)
  await appendFile(altered, 'more')
  t.match(summary(await verifyCopy(copying, order, ANNA, kept)), { code: 'differs', faults: 1 })
  const accepted = await verifyCopy(copying, order, ANNA, kept, { accept: true })
  t.match(summary(accepted), { code: null, faults: 0 })
  t.match(summary(await verifyCopy(copying, order, ANNA, kept)), { code: null, faults: 0, changes: 7 }, 'it stays so')
  await appendFile(await fileOf(maildir, '.Drafts', 3), 'more')
  const again = await verifyCopy(copying, order, ANNA, kept)
  t.match([again.code, ...told(again).filter((line) => line.startsWith('altered'))], ['differs', /^altered Drafts 3 /])
})

t.test('the destination that has lost much is not called clean, whatever was proved before', async (t) => {
  await using copy = await withCopy()
  const { copying, order, maildir } = copy
  const kept = keptInMemory()
  await verifyCopy(copying, order, ANNA, kept)
  await rm(join(maildir, 'cur'), { recursive: true })
  const shrunk = await verifyCopy(copying, order, ANNA, kept)
  t.match(summary(shrunk), { code: 'shrunk', faults: 0 })
  t.match(
    shrunk.folders.find(({ name }) => name === 'INBOX'),
    { state: 'removed', proved: 0 },
  )
  await rm(maildir, { recursive: true })
  t.match(summary(await verifyCopy(copying, order, ANNA, kept)), { code: 'shrunk', proved: 0 })
  t.match(summary(await verifyCopy(copying, order, ANNA, kept, { accept: true })), { code: null })
})

import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import t from 'tap'
import { dropReceiptsIn, receiptsIn } from '../../src/engines/offlineimap/local-status.ts'
import { forgetProofs, openProofs } from '../../src/ledger/digest-cache.ts'

const folder = mkdtempSync(join(tmpdir(), 'postferry-proofs-'))
t.teardown(() => rmSync(folder, { recursive: true }))
const one = { digest: 'd', messageId: '<m>', length: 3 }

t.test('what was read is remembered, by mailbox and its UIDVALIDITY', async (t) => {
  {
    using proofs = openProofs(join(folder, 'made'), '7')
    proofs.messages.add(
      'INBOX',
      1,
      new Map([
        [1, { ...one, size: 4 }],
        [2, { ...one, size: 5 }],
      ]),
    )
    proofs.messages.add('Sent', 1, new Map([[9, { ...one, size: 4 }]]))
    proofs.messages.forget('INBOX', 1, [2])
  }
  using proofs = openProofs(join(folder, 'made'), '7')
  t.strictSame([...proofs.messages.of('INBOX', 1)], [[1, { size: 4, ...one }]])
  t.equal(proofs.messages.of('INBOX', 2).size, 0)
  proofs.messages.add('INBOX', 2, new Map())
  t.equal(proofs.messages.of('INBOX', 1).size, 0, 'a mailbox has one UIDVALIDITY')
  t.equal(proofs.messages.of('Sent', 1).size, 1)
  t.equal(statSync(join(folder, 'made/postferry-proofs-7.sqlite')).mode & 0o777, 0o600)
})

t.test('what is known of a directory is what was there last', async (t) => {
  using proofs = openProofs(folder, '8')
  const file = (stamp: string) => ({ ...one, stamp })
  proofs.files.keep(
    '.a',
    new Map([
      ['x', file('1')],
      ['y', file('1')],
    ]),
  )
  proofs.files.keep('.b', new Map([['x', file('1')]]))
  proofs.files.keep(
    '.a',
    new Map([
      ['y', file('2')],
      ['z', file('1')],
    ]),
  )
  t.strictSame(
    [...proofs.files.of('.a')],
    [
      ['y', file('2')],
      ['z', file('1')],
    ],
  )
  t.equal(proofs.files.of('.b').size, 1)
})

t.test('a file that cannot be used is replaced, and without any there are no proofs', async (t) => {
  const other = new DatabaseSync(join(folder, 'postferry-proofs-1.sqlite'))
  other.exec('pragma user_version = 99')
  other.close()
  writeFileSync(join(folder, 'postferry-proofs-2.sqlite'), 'no database')
  for (const id of ['1', '2']) {
    using proofs = openProofs(folder, id)
    proofs.messages.add('INBOX', 1, new Map([[1, { ...one, size: 4 }]]))
    t.equal(proofs.messages.of('INBOX', 1).size, 1)
  }
  writeFileSync(join(folder, 'file'), '')
  using proofs = openProofs(join(folder, 'file/below'), '3')
  proofs.messages.add('INBOX', 1, new Map([[1, { ...one, size: 4 }]]))
  t.equal(proofs.messages.of('INBOX', 1).size, 1)
  t.notOk(readdirSync(folder).some((name) => name.includes('proofs-3')))
})

t.test('without a folder of OfflineIMAP there are no receipts, and none is made', async (t) => {
  t.equal(receiptsIn(join(folder, 'nowhere'), '1', '', 1), null)
  t.notOk(existsSync(join(folder, 'nowhere')))
})

t.test('what is dropped is not remembered any more, in its own folder alone', async (t) => {
  const [status, validity] = ['Account-m-1/LocalStatus-sqlite', 'Repository-m-1-old/FolderValidity']
  for (const place of [status, validity]) mkdirSync(join(folder, place), { recursive: true })
  for (const name of ['INBOX', '.Sent']) {
    writeFileSync(join(folder, validity, name), '7\n')
    using database = new DatabaseSync(join(folder, status, name))
    database.exec('create table status (id integer primary key, flags text)')
    database.exec(`insert into status values (1, 'S'), (2, 'FS'), (9, '')`)
  }
  const of = (directory: string) => [...(receiptsIn(folder, '1', directory, 7)?.flagsOf.keys() ?? [])]
  dropReceiptsIn(folder, '1', { directory: '', uidValidity: 7, uids: [2, 9, 40] })
  t.same([of(''), of('.Sent')], [[1], [1, 2, 9]])
  dropReceiptsIn(folder, '1', { directory: '.Sent', uidValidity: 8, uids: [2] })
  t.same(of('.Sent'), [1, 2, 9], 'another folder that had the name')
  dropReceiptsIn(folder, '1', { directory: '.None', uidValidity: 7, uids: [2] })
  t.same(of('.None'), [])
})

t.test('what was read is forgotten with its file, and where there is none nothing happens', async (t) => {
  const place = join(folder, 'forgotten')
  openProofs(place, '7')[Symbol.dispose]()
  openProofs(place, '77')[Symbol.dispose]()
  forgetProofs(place, '7')
  forgetProofs(join(folder, 'nowhere'), '7')
  t.same(readdirSync(place), ['postferry-proofs-77.sqlite'])
})

t.end()

import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import t from 'tap'
import { forgetIn, syncStateIn } from '../../../src/engines/offlineimap/local-status.ts'

const folder = mkdtempSync(join(tmpdir(), 'postferry-metadata-'))
t.teardown(() => rmSync(folder, { recursive: true }))

t.test('without a folder of OfflineIMAP there is no sync state, and none is made', async (t) => {
  t.equal(syncStateIn(join(folder, 'nowhere'), '1', '', 1), null)
  t.notOk(existsSync(join(folder, 'nowhere')))
})

t.test('what is forgotten is not remembered any more, in its own folder alone', async (t) => {
  const [status, validity] = ['Account-m-1/LocalStatus-sqlite', 'Repository-m-1-old/FolderValidity']
  for (const path of [status, validity]) mkdirSync(join(folder, path), { recursive: true })
  for (const name of ['INBOX', '.Sent']) {
    writeFileSync(join(folder, validity, name), '7\n')
    using database = new DatabaseSync(join(folder, status, name))
    database.exec('create table status (id integer primary key, flags text)')
    database.exec(`insert into status values (1, 'S'), (2, 'FS'), (9, '')`)
  }
  const of = (directory: string) => [...(syncStateIn(folder, '1', directory, 7)?.flagsOf.keys() ?? [])]
  forgetIn(folder, '1', { directory: '', uidValidity: 7, uids: [2, 9, 40] })
  t.same([of(''), of('.Sent')], [[1], [1, 2, 9]])
  forgetIn(folder, '1', { directory: '.Sent', uidValidity: 8, uids: [2] })
  t.same(of('.Sent'), [1, 2, 9], 'another folder that had the name')
  forgetIn(folder, '1', { directory: '.None', uidValidity: 7, uids: [2] })
  t.same(of('.None'), [])
})

t.end()

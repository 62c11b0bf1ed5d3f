import { mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { makeFolder } from '../../src/files/folder.ts'

const base = mkdtempSync(join(tmpdir(), 'postferry-folder-'))
t.after(() => rmSync(base, { recursive: true }))
const mode = (path: string) => statSync(path).mode & 0o777

t.test('a folder is made with those that it lies in, for its owner alone', async (t) => {
  makeFolder(join(base, 'a/b/c'))
  t.same(
    ['a', 'a/b', 'a/b/c'].map((name) => mode(join(base, name))),
    [0o700, 0o700, 0o700],
  )
})

t.test('one that is there stays as it is, be it by a link', async (t) => {
  symlinkSync(join(base, 'a'), join(base, 'link'))
  makeFolder(join(base, 'link'))
  makeFolder('/')
  t.equal(statSync(join(base, 'link')).ino, statSync(join(base, 'a')).ino)
})

t.test('where it cannot be made, it ends', async (t) => {
  writeFileSync(join(base, 'file'), '')
  t.throws(() => makeFolder(join(base, 'file')), { code: 'EEXIST' })
  t.throws(() => makeFolder(join(base, 'file/below')), { code: 'ENOTDIR' })
  t.throws(() => makeFolder('/proc/nowhere/below'), { code: 'ENOENT' })
})

t.end()

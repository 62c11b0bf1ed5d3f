import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import t from 'tap'
import { digestCaches } from '../../src/ledger/digest-cache.ts'

const folder = mkdtempSync(join(tmpdir(), 'postferry-proofs-'))
t.teardown(() => rmSync(folder, { recursive: true }))
const one = { digest: 'd', messageId: '<m>', length: 3 }

t.test('what was read is remembered, by mailbox and its UIDVALIDITY', async (t) => {
  {
    using cache = digestCaches(join(folder, 'made')).open('7')
    cache.messages.add(
      'INBOX',
      1,
      new Map([
        [1, { ...one, size: 4 }],
        [2, { ...one, size: 5 }],
      ]),
    )
    cache.messages.add('Sent', 1, new Map([[9, { ...one, size: 4 }]]))
    cache.messages.forget('INBOX', 1, [2])
  }
  using cache = digestCaches(join(folder, 'made')).open('7')
  t.strictSame([...cache.messages.of('INBOX', 1)], [[1, { size: 4, ...one }]])
  t.equal(cache.messages.of('INBOX', 2).size, 0)
  cache.messages.add('INBOX', 2, new Map())
  t.equal(cache.messages.of('INBOX', 1).size, 0, 'a mailbox has one UIDVALIDITY')
  t.equal(cache.messages.of('Sent', 1).size, 1)
  t.equal(statSync(join(folder, 'made/postferry-proofs-7.sqlite')).mode & 0o777, 0o600)
})

t.test('what is known of a directory is what was there last', async (t) => {
  using cache = digestCaches(folder).open('8')
  const file = (stamp: string) => ({ ...one, stamp })
  cache.files.keep(
    '.a',
    new Map([
      ['x', file('1')],
      ['y', file('1')],
    ]),
  )
  cache.files.keep('.b', new Map([['x', file('1')]]))
  cache.files.keep(
    '.a',
    new Map([
      ['y', file('2')],
      ['z', file('1')],
    ]),
  )
  t.strictSame(
    [...cache.files.of('.a')],
    [
      ['y', file('2')],
      ['z', file('1')],
    ],
  )
  t.equal(cache.files.of('.b').size, 1)
})

t.test('a file that cannot be used is replaced, and without any nothing is kept', async (t) => {
  const other = new DatabaseSync(join(folder, 'postferry-proofs-1.sqlite'))
  other.exec('pragma user_version = 99')
  other.close()
  writeFileSync(join(folder, 'postferry-proofs-2.sqlite'), 'no database')
  for (const id of ['1', '2']) {
    using cache = digestCaches(folder).open(id)
    cache.messages.add('INBOX', 1, new Map([[1, { ...one, size: 4 }]]))
    t.equal(cache.messages.of('INBOX', 1).size, 1)
  }
  writeFileSync(join(folder, 'file'), '')
  using cache = digestCaches(join(folder, 'file/below')).open('3')
  cache.messages.add('INBOX', 1, new Map([[1, { ...one, size: 4 }]]))
  t.equal(cache.messages.of('INBOX', 1).size, 1)
  t.notOk(readdirSync(folder).some((name) => name.includes('proofs-3')))
})

t.test('what was read is forgotten with its file, and where there is none nothing happens', async (t) => {
  const states = join(folder, 'forgotten')
  digestCaches(states).open('7')[Symbol.dispose]()
  digestCaches(states).open('77')[Symbol.dispose]()
  digestCaches(states).remove('7')
  digestCaches(join(folder, 'nowhere')).remove('7')
  t.same(readdirSync(states), ['postferry-proofs-77.sqlite'])
})

t.end()

import { chown, mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import fc from 'fast-check'
import t from 'tap'
import { listMailboxes } from '../support/compare.ts'
import { Copying } from '../support/copying.ts'
import { ImapWire } from '../support/imap-wire.ts'
import { encodeName, namesOnNew, type SourceName } from '../support/mailbox-names.ts'
import { askPython } from '../support/python.ts'

const copying = await Copying.start({ people: { anna: 'secret' } })
t.teardown(() => copying[Symbol.asyncDispose]())

/** A level of a name as some server or other may send it: modified UTF-7, right or wrong, or none. */
const level = fc.oneof(
  fc
    .string({ unit: fc.constantFrom(...'ab.~\\/&-% *"(INBOXinbox,+=\u00fc\u65e5\u2215\u00e9'), maxLength: 8 })
    .map(encodeName),
  fc.string({ unit: 'binary', minLength: 1, maxLength: 3 }).map(encodeName),
  fc.string({ unit: fc.constantFrom(...'a&-AGE,+/~.\\ '), maxLength: 6 }),
  fc.constantFrom(
    'INBOX',
    'inbox',
    'Inbox',
    '~',
    '..',
    '.',
    '&',
    '&-',
    '&AGE-',
    '&2D0-',
    '\u00fc',
    'x'.repeat(260),
    'cur',
  ),
  fc.integer({ min: 60, max: 120 }).map((length) => encodeName('\u00fc/'.repeat(length))),
)

/** All mailboxes of one person. */
const account = fc
  .tuple(
    fc.constantFrom('/', '.', '^', null),
    fc.constantFrom('', 'INBOX'),
    fc.array(fc.array(level, { minLength: 1, maxLength: 3 })),
  )
  .map(([separator, root, names]) => {
    const prefix = root && separator ? `${root}${separator}` : ''
    const all = names.map((levels) => prefix + levels.join(separator ?? ''))
    const sendable = all.filter((name) => name !== '' && name.isWellFormed() && !/[\r\n\0]/.test(name))
    const unique = [...new Set(sendable.map((name) => (/^inbox$/i.test(name) ? 'INBOX' : name)))]
    return unique.map((name): SourceName => ({ name, separator, prefix: name.startsWith(prefix) ? prefix : '' }))
  })

const DIRECTORIES = `
import json, sys
from importlib.util import module_from_spec, spec_from_file_location
path = sys.path[1] if sys.path[0] == '' else sys.path[0]
spec = spec_from_file_location('names', path + '/postferry_offlineimap/names.py')
names = module_from_spec(spec)
spec.loader.exec_module(names)
accounts = json.load(sys.stdin)
print(json.dumps([names.directories([tuple(each) for each in account]) for account in accounts]))`

t.test('every name becomes a directory that destination lists under the name that we expect, and opens', async (t) => {
  const accounts = fc.sample(account, { numRuns: 150, seed: 11 })
  const input = accounts.map((mailboxes) => mailboxes.map(({ name, separator, prefix }) => [name, separator, prefix]))
  const found = await askPython<Record<string, string>[]>(DIRECTORIES, input)
  let checked = 0
  for (const [at, mailboxes] of accounts.entries()) {
    const directories = found[at] ?? {}
    t.equal(new Set(Object.values(directories)).size, mailboxes.length, 'no two mailboxes share a directory')
    await makeMaildirs(at + 1, Object.values(directories))
    await using now = await ImapWire.open(copying.onNew(at + 1))
    const listed = (await listMailboxes(now)).map(({ name }) => name)
    const expected = new Set([...namesOnNew(mailboxes).values(), 'INBOX'])
    t.strictSame(listed.sort(), [...expected].sort())
    for (const name of expected) {
      await t.resolves(now.command('EXAMINE ', Buffer.from(name)), name)
      checked++
    }
  }
  t.ok(checked > 300)
  t.notMatch(copying.new.log(), /Panic|Error/)
})

async function makeMaildirs(id: number, directories: string[]): Promise<void> {
  const { uid, gid } = copying.new.mailOwner
  const home = join(copying.new.mailRoot, `m-${id}`)
  const folders = ['', ...directories.filter((name) => name !== '')].flatMap((name) => {
    const maildir = join(home, 'Maildir', name)
    return [maildir, ...['cur', 'new', 'tmp'].map((part) => join(maildir, part))]
  })
  for (const folder of [home, ...folders]) {
    await mkdir(folder, { recursive: true })
    await chown(folder, uid, gid)
  }
}

const MATCHES = `
import json, sys
from importlib.util import module_from_spec, spec_from_file_location
path = sys.path[1] if sys.path[0] == '' else sys.path[0]
spec = spec_from_file_location('patterns', path + '/postferry_offlineimap/patterns.py')
patterns = module_from_spec(spec)
spec.loader.exec_module(patterns)
print(json.dumps([patterns.matches(*each) for each in json.load(sys.stdin)]))`

t.test('patterns match as LIST of a real server does, and none takes long', async (t) => {
  const names = ['a', 'ab', 'abc', 'a/b', 'a/b/c', 'b/a', 'aa/bb', 'INBOX/kid', 'inbox.x', 'x%y', 'x*y']
  await using old = await ImapWire.open(copying.atSource('anna', 'secret'))
  for (const name of names) await old.command('CREATE ', Buffer.from(name)).catch(() => {})
  const pattern = fc.string({ unit: fc.constantFrom(...'ab/*%%', 'INBOX', 'inbox', '.'), minLength: 1, maxLength: 6 })
  const patterns = [...new Set(fc.sample(pattern, { numRuns: 300, seed: 3 }))]
  const all = (await listMailboxes(old)).map(({ name }) => name)
  const pairs = patterns.flatMap((pattern) => all.map((name) => [pattern, name, '/']))
  const ours = await askPython<boolean[]>(MATCHES, pairs)
  for (const [at, pattern] of patterns.entries()) {
    const answer = await old.command('LIST "" ', Buffer.from(pattern))
    const selectable = answer.filter(({ line }) => line.startsWith('* LIST') && !/Noselect/.test(line))
    const theirs = selectable.map(({ line }) => / "\/" "?([^"]*)"?$/.exec(line)?.[1] ?? line)
    const mine = all.filter((_, index) => ours[at * all.length + index])
    t.strictSame(mine.sort(), theirs.sort(), pattern)
  }
  const evil = [`${'%a*'.repeat(100)}b`, 'a'.repeat(1000), '/']
  t.strictSame(await askPython<boolean[]>(MATCHES, [evil]), [false], 'an evil pattern comes to an end')
})

t.end()

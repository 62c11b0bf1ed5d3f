import fc from 'fast-check'
import t from 'tap'
import { directoriesOf } from '../../../src/engines/offlineimap/names.ts'
import { matchesPattern } from '../../../src/imap/read/list-patterns.ts'
import { encodeName, isInbox, type Mailbox } from '../../../src/model/mailbox.ts'
import { askPython } from '../../support/python.ts'
import NAMES from '../../vectors/names.json' with { type: 'json' }
import PATTERNS from '../../vectors/patterns.json' with { type: 'json' }

const MODULES = 'import json, sys; from postferry_offlineimap import names, patterns'

// The modules of the pythonfile that name things, without OfflineIMAP: by the vectors that names.test.ts and
// list-patterns.test.ts read too, and by many random names.

/** Names as some server or other may send them: modified UTF-7, right or wrong, or none. */
const level = fc.oneof(
  fc
    .string({ unit: fc.constantFrom(...'ab.~\\/&-% *"(INBOXinbox,+=\u00fc\u65e5\u2215\u00e9'), maxLength: 8 })
    .map(encodeName),
  fc.string({ unit: 'binary', minLength: 1, maxLength: 3 }).map(encodeName),
  fc.string({ unit: fc.constantFrom(...'a&-AGE,+/~.\\ \u{1f600}\uffee'), maxLength: 6 }),
  fc.constantFrom('INBOX', 'inbox', '~', '..', '&', '&-', '&AGE-', '&2D0-', '&AGEA-', '\u00fc', 'x'.repeat(260)),
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
    const unique = [...new Set(sendable.map((name) => (isInbox(name) ? 'INBOX' : name)))]
    return unique.map((name): Mailbox => ({ name, separator, prefix: name.startsWith(prefix) ? prefix : '' }))
  })

t.test('the pythonfile names directories and files as the vectors say', async (t) => {
  const code = `${MODULES}
def directories(of):
    prefix = lambda name: of['prefix'] if name.startswith(of['prefix']) else ''
    return names.directories([(name, of['separator'], prefix(name)) for name in of['directories']])
given = json.load(sys.stdin)
print(json.dumps({
    'directories': [directories(each) for each in given['directories']],
    'statusFiles': [[path, names.status_file(path)] for path, _ in given['statusFiles']],
    'messageFiles': [names.message_file(each['unique'], each['uid'], each['directory'], each['flags'])
                     for each in given['messageFiles']]}))`
  t.same(await askPython(code, NAMES), {
    directories: NAMES.directories.map(({ directories }) => directories),
    statusFiles: NAMES.statusFiles,
    messageFiles: NAMES.messageFiles.map(({ file }) => file),
  })
})

t.test('the pythonfile matches patterns as the vectors say', async (t) => {
  const code = `${MODULES}
print(json.dumps([patterns.matches(each['pattern'], each['name'], each['separator']) for each in json.load(sys.stdin)]))`
  const theirs = await askPython<boolean[]>(code, PATTERNS)
  t.same(
    PATTERNS.filter(({ matches }, at) => matches !== theirs[at]),
    [],
  )
})

t.test('a mailbox has the directory that the pythonfile gives it', async (t) => {
  const accounts = fc.sample(account, { numRuns: 400, seed: 7 })
  const input = accounts.map((mailboxes) => mailboxes.map(({ name, separator, prefix }) => [name, separator, prefix]))
  const code = `${MODULES}
print(json.dumps([names.directories([tuple(each) for each in account]) for account in json.load(sys.stdin)]))`
  const theirs = await askPython<Record<string, string>[]>(code, input)
  const wrong = accounts.filter((mailboxes, at) => {
    const ours = directoriesOf(mailboxes)
    return mailboxes.some(({ name }) => ours.get(name) !== theirs[at]?.[name])
  })
  t.strictSame(wrong, [])
  t.ok(accounts.flat().length > 1000)
})

t.test('a pattern wants the mailboxes that the pythonfile copies', async (t) => {
  const pattern = fc.string({ unit: fc.constantFrom(...'ab/*%%.\u00fc\u{1f600}', 'INBOX', 'inbox'), maxLength: 8 })
  const name = fc.string({ unit: fc.constantFrom(...'ab/.*%\u00fc\u{1f600}', 'INBOX', 'Inbox'), maxLength: 8 })
  const questions = fc.sample(fc.tuple(pattern, name, fc.constantFrom('/', '.', null)), { numRuns: 20_000, seed: 5 })
  const code = `${MODULES}
print(json.dumps([patterns.matches(*each) for each in json.load(sys.stdin)]))`
  const theirs = await askPython<boolean[]>(code, questions)
  t.strictSame(
    questions.filter((question, at) => matchesPattern(...question) !== theirs[at]),
    [],
  )
  t.ok(theirs.filter(Boolean).length > 500)
})

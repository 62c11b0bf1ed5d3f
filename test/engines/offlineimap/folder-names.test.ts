import fc from 'fast-check'
import t from 'tap'
import { directoriesOf, titleOfDirectory } from '../../../src/engines/offlineimap/folder-names.ts'
import { matchesPattern } from '../../../src/imap/read/list-patterns.ts'
import { encodeName, isInbox, type Mailbox } from '../../../src/model/mailbox.ts'
import { askPython } from '../../support/python.ts'

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

/** A module of the pythonfile, without OfflineIMAP. */
const load = (module: string) => `
import json, sys
from importlib.util import module_from_spec, spec_from_file_location
path = sys.path[1] if sys.path[0] == '' else sys.path[0]
spec = spec_from_file_location('${module}', path + '/postferry_offlineimap/${module}.py')
${module} = module_from_spec(spec)
spec.loader.exec_module(${module})`

t.test('a mailbox has the directory that the pythonfile gives it', async (t) => {
  const accounts = fc.sample(account, { numRuns: 400, seed: 7 })
  const input = accounts.map((mailboxes) => mailboxes.map(({ name, separator, prefix }) => [name, separator, prefix]))
  const code = `${load('names')}
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
  const code = `${load('patterns')}
print(json.dumps([patterns.matches(*each) for each in json.load(sys.stdin)]))`
  const theirs = await askPython<boolean[]>(code, questions)
  t.strictSame(
    questions.filter((question, at) => matchesPattern(...question) !== theirs[at]),
    [],
  )
  t.ok(theirs.filter(Boolean).length > 500)
  t.notOk(matchesPattern(`${'%a*'.repeat(100)}b`, 'a'.repeat(1000), '/'), 'an evil pattern comes to an end')
})

t.test('a directory is shown as the name that people gave it', async (t) => {
  const titles = { '': 'INBOX', '.Sent': 'Sent', '.a.b': 'a/b', '.a\\2eb.\\7ex': 'a.b/~x', '.Entw&APw-rfe': 'Entwürfe' }
  for (const [directory, title] of Object.entries(titles)) t.equal(titleOfDirectory(directory), title)
})

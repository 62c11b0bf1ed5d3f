import fc from 'fast-check'
import t from 'tap'
import { matchesPattern } from '../../src/model/mailbox-pattern.ts'
import { askPython } from '../support/python.ts'

t.test('patterns mean what they mean in LIST', async (t) => {
  const cases: [string, string, boolean][] = [
    ['*', 'a/b', true],
    ['%', 'a', true],
    ['%', 'a/b', false],
    ['a/%', 'a/b', true],
    ['a*', 'a/b/c', true],
    ['inbox', 'INBOX', true],
    ['inbox/Kid', 'INBOX/Kid', true],
    ['inbox/kid', 'INBOX/Kid', false],
    ['sent', 'Sent', false],
    ['%/%/%', 'a/b/c', true],
    ['', '', true],
    ['*b', 'a/b', true],
    ['a', 'ab', false],
  ]
  for (const [pattern, name, expected] of cases)
    t.equal(matchesPattern(pattern, name, '/'), expected, `${pattern} ${name}`)
  t.equal(matchesPattern('%', 'a/b', null), true)
})

t.test('the pythonfile decides the same', async (t) => {
  const text = fc.string({ unit: fc.constantFrom('a', 'b', '/', '*', '%', 'INBOX', 'inbox'), maxLength: 6 })
  const samples = fc.sample(fc.tuple(text, text), 2_000)
  const code = `import json, sys
from mailferry_offlineimap.patterns import matches
print(json.dumps([matches(pattern, name, '/') for pattern, name in json.load(sys.stdin)]))`
  const expected = await askPython<boolean[]>(code, samples)
  const found = samples.map(([pattern, name]) => matchesPattern(pattern, name, '/'))
  t.same(
    samples.filter((_, at) => found[at] !== expected[at]),
    [],
  )
  t.ok(new Set(expected).size === 2)
})

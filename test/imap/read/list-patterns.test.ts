import t from 'tap'
import { matchesPattern } from '../../../src/imap/read/list-patterns.ts'
import VECTORS from '../../vectors/patterns.json' with { type: 'json' }

t.test('a pattern matches as LIST of IMAP does', async (t) => {
  for (const { pattern, name, separator, matches } of VECTORS) {
    t.equal(matchesPattern(pattern, name, separator), matches, `${pattern} of ${name}`)
  }
})

t.test('an evil pattern comes to an end', async (t) => {
  t.notOk(matchesPattern(`${'%a*'.repeat(100)}b`, 'a'.repeat(1000), '/'))
})

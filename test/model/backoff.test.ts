import t from 'tap'
import { backoffIn, backoffText } from '../../src/model/backoff.ts'

t.test('how long a server wants to be left alone is read in its own units, and never longer than a day', async (t) => {
  for (const [text, ms] of [
    ['Request is throttled. Suggested Backoff Time: 92415 milliseconds', 92_415],
    ['Suggested Backoff Time: 300 seconds', 300_000],
    ['backoff time=2 minutes', 120_000],
    ['Suggested Backoff Time: 5000', 5_000],
    ['Suggested Backoff Time: 999999999999 milliseconds', 86_400_000],
    ['Too many connections', null],
    ['', null],
  ] as const) {
    t.equal(backoffIn(text), ms, text)
  }
  t.equal(backoffText(92_415), 'the old server asks to be left alone for 2 min')
})

t.end()

import t from 'tap'
import { troubleOf } from '../../../src/http/panel/trouble.ts'
import { Refused } from '../../../src/model/refused.ts'

t.test('what was done before an operation failed is told, and nobody reads that nothing was changed', (t) => {
  const refused = new Refused('unavailable', '500 migrations are changed, and then the database was away')
  t.match(troubleOf(refused), { status: 503, advice: '500 migrations are changed, and then the database was away.' })
  t.match(troubleOf(new Refused('conflict', 'it is done already')), { status: 409, advice: 'it is done already' })
  t.end()
})

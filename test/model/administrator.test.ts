import t from 'tap'
import { isAdministratorPassword, may, parseAdministratorName, ROLES } from '../../src/model/administrator.ts'

t.test('a viewer sees, an operator operates migrations, an owner changes everything', async (t) => {
  const allowed = ROLES.map((role) =>
    (['see', 'operate', 'own'] as const).filter((permission) => may(role, permission)),
  )
  t.same(allowed, [['see'], ['see', 'operate'], ['see', 'operate', 'own']])
})

t.test('a name has one spelling, and nothing in it that could be taken for another', async (t) => {
  for (const [typed, name] of [
    ['Anna', 'anna'],
    ['anna.b_c-d@new.example', 'anna.b_c-d@new.example'],
    ['x'.repeat(64), 'x'.repeat(64)],
  ] as const) {
    t.equal(parseAdministratorName(typed), name)
  }
  for (const wrong of ['', 'a b', ' anna', 'anna\n', 'änna', '\u212aarl', 'a/b', 'a:b', '<b>', 'x'.repeat(65)]) {
    t.equal(parseAdministratorName(wrong), null, JSON.stringify(wrong))
  }
})

t.test('a password has at least ten characters, whatever they are', async (t) => {
  for (const right of ['ten chars!', '          ', '🔑'.repeat(10)]) t.ok(isAdministratorPassword(right), right)
  for (const wrong of [
    '',
    'nine char',
    '🔑'.repeat(9),
    'two lines\nof it',
    'x'.repeat(1025),
    'lone \ud800 surrogate',
  ]) {
    t.notOk(isAdministratorPassword(wrong), JSON.stringify(wrong))
  }
})

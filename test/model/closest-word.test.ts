import t from 'tap'
import { likeliest } from '../../src/model/closest-word.ts'

t.test('the likeliest of the known words is the nearest one, and none when none is near', async (t) => {
  const known = ['address', 'old_username', 'old_password', 'quota']
  const meant: [string, string | null][] = [
    ['adress', 'address'],
    ['Address', 'address'],
    ['qouta', 'quota'],
    ['old_user', null],
    ['oldusername', 'old_username'],
    ['old-passwort', 'old_password'],
    ['email', null],
    ['', null],
  ]
  for (const [word, likely] of meant) t.equal(likeliest(word, known), likely, word)
})

import { randomBytes } from 'node:crypto'
import t from 'tap'
import { derivedKey, panelKeyIn } from '../../src/keys/panel-key.ts'

const KEY = Buffer.alloc(32, 7)

t.test('a panel key is 32 bytes, written in hex or base64', async (t) => {
  const key = randomBytes(32)
  for (const encoding of ['hex', 'base64', 'base64url'] as const) t.same(panelKeyIn(key.toString(encoding)), key)
  t.same(panelKeyIn(key.toString('hex').toUpperCase()), key)
  for (const text of ['', 'secret', 'g'.repeat(64), 'a'.repeat(63), 'a'.repeat(42), `${'a'.repeat(43)}==`]) {
    t.equal(panelKeyIn(text), null, text)
  }
})

t.test('keys for two purposes have nothing in common, and stay the same', async (t) => {
  const [totp, session] = [derivedKey(KEY, 'totp'), derivedKey(KEY, 'session')]
  t.notSame(totp, session)
  t.notSame(totp, derivedKey(Buffer.alloc(32, 8), 'totp'))
  // HKDF-SHA256 of thirty-two times 07, without salt, info "postferry session".
  t.equal(session.toString('hex'), 'c0c2d52ebd4d1ac9ce2549630d65854bcb3866c73bb152c025ba9035a7396930')
})

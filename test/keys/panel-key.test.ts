import { randomBytes } from 'node:crypto'
import t from 'tap'
import { derivedKey, panelKeyIn, totpSealer } from '../../src/keys/panel-key.ts'

const KEY = Buffer.alloc(32, 7)
const SECRET = randomBytes(20)

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
  t.equal(session.toString('hex'), 'e57f9491cf4dc31c533903767f3370eeac5a7404214fddd93146da5a6f0dd9eb')
})

t.test('a TOTP secret is opened under its key and for its name alone, and not when it was changed', async (t) => {
  const sealer = totpSealer(() => KEY)
  const sealed = sealer.seal('anna', SECRET)
  t.same(sealer.open('anna', sealed), SECRET)
  t.notSame(sealer.seal('anna', SECRET), sealed, 'no two are alike')
  const message = /^the TOTP secret of \S+ cannot be opened with this panel key$/
  t.throws(() => sealer.open('bert', sealed), { message })
  t.throws(() => totpSealer(() => Buffer.alloc(32, 8)).open('anna', sealed), { message })
  for (let at = 0; at < sealed.length; at++) {
    const changed = sealed.with(at, (sealed[at] ?? 0) ^ 1)
    t.throws(() => sealer.open('anna', changed), { message }, `byte ${at}`)
  }
  for (const short of [0, 12, 28, 47]) t.throws(() => sealer.open('anna', sealed.subarray(0, short)), { message })
})

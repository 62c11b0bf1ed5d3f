import { randomBytes } from 'node:crypto'
import t from 'tap'
import { totpSealer } from '../../src/keys/totp-sealer.ts'

const KEY = Buffer.alloc(32, 7)
const SECRET = randomBytes(20)

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

import { URI } from 'otpauth'
import t from 'tap'
import { totpSealer } from '../../src/keys/panel-key.ts'
import { newTotp, totpStep } from '../../src/operations/totp.ts'

const sealer = totpSealer(() => Buffer.alloc(32, 7))

t.test('codes are those of RFC 6238, and belong to their time step', async (t) => {
  const secret = Buffer.from('12345678901234567890')
  // Appendix B, the last six digits of SHA1's.
  for (const [seconds, code] of [
    [59, '287082'],
    [1_111_111_109, '081804'],
    [1_234_567_890, '005924'],
    [20_000_000_000, '353130'],
  ] as const) {
    t.equal(await totpStep(secret, code, new Date(seconds * 1_000)), Math.floor(seconds / 30))
  }
})

t.test('a clock may be off by one time step, and not by two', async (t) => {
  const secret = Buffer.from('12345678901234567890')
  const stepAt = (seconds: number) => totpStep(secret, '081804', new Date(seconds * 1_000))
  const step = Math.floor(1_111_111_109 / 30)
  for (const off of [-1, 0, 1]) t.equal(await stepAt((step + off) * 30), step)
  for (const off of [-2, 2]) t.equal(await stepAt((step + off) * 30), null)
})

t.test('what is not six digits is wrong', async (t) => {
  for (const code of ['', '28708', '0287082', ' 287082', '287082\n', '２８７０８２', 'abcdef', '\0']) {
    t.equal(await totpStep(Buffer.from('12345678901234567890'), code, new Date(59_000)), null, JSON.stringify(code))
  }
})

t.test('an authenticator reads the secret that is sealed, and who it is for', async (t) => {
  const { sealed, uri } = await newTotp('anna@new.example', sealer)
  t.match(uri, /^otpauth:\/\/totp\/postferry:anna%40new\.example\?issuer=postferry&secret=[A-Z2-7]{32}&/)
  const { secret } = URI.parse(uri)
  t.same(sealer.open('anna@new.example', sealed), Buffer.from(secret.bytes))
  t.not((await newTotp('anna@new.example', sealer)).uri, uri)
})

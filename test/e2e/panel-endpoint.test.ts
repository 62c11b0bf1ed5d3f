import { type TOTP, URI } from 'otpauth'
import t from 'tap'
import { mustRun, rows } from '../support/ferry.ts'
import { addAdministrators, OWNER } from '../support/panel.ts'
import { formsFound } from '../support/secrets.ts'
import { startService } from '../support/service.ts'
import { Visitor } from '../support/visitor.ts'

const all = new AsyncDisposableStack()
t.teardown(() => all.disposeAsync())
const service = all.use(await startService())
await addAdministrators(service, OWNER)
await mustRun(service, 'provider', 'add', 'old', '--host', 'imap.old.example')
const owner = await Visitor.signedIn(service.url, OWNER)

const SETTINGS = { host: 'imap.old.example', tls: 'implicit', login_name: '%u', cutover: 'immediate' }
const save = (changes: Record<string, string>) => owner.post('/admin/providers/old', { ...SETTINGS, ...changes })
const provider = () => rows(service, 'provider', 'show', 'old')

t.test('who changes where passwords go shows a password; for all else the session is enough', async (t) => {
  t.match(await save({ max_connections: '7' }), { status: 303 })
  t.match(await provider(), { max_connections: 7 })
  for (const change of [
    { host: 'imap.evil.example' },
    { port: '1993' },
    { fingerprint: 'ab'.repeat(32) },
    { tls: 'starttls' },
  ]) {
    t.match(await save(change), { status: 422, text: /type your own/ }, JSON.stringify(change))
    t.match(await save({ ...change, current: 'not it' }), { status: 422, text: /type your own/ })
  }
  t.match(await provider(), { host: 'imap.old.example', port: 993, tls: 'implicit', fingerprint: null })
  t.match(await save({ host: 'imap2.old.example', current: OWNER.password }), { status: 303 })
  t.match(await provider(), { host: 'imap2.old.example' })
})

t.test('the protection is taken away by whoever ticks that', async (t) => {
  const plain = { host: 'imap2.old.example', tls: 'none', current: OWNER.password }
  t.match(await save(plain), { status: 422, text: /in the clear: confirm it/ })
  t.match(await provider(), { tls: 'implicit' })
  t.match(await save({ ...plain, plain_text: 'yes' }), { status: 303 })
  t.match(await provider(), { tls: 'none' })
})

t.test('whoever signs in with a code shows one here, too', async (t) => {
  await owner.post('/admin/account/totp', { current: OWNER.password })
  const secret = /secret: <code>([A-Z2-7]+)</.exec((await owner.get('/admin/account')).text)?.[1]
  const totp = URI.parse(`otpauth://totp/x?secret=${secret}`) as TOTP
  await owner.post('/admin/account/totp/confirm', { code: totp.generate() })
  const moved = { host: 'imap3.old.example', tls: 'none', current: OWNER.password }
  t.match(await save(moved), { status: 422, text: /the code that your device shows now/ })
  t.match(await save({ ...moved, code: 'nonsense' }), { status: 422 })
  t.match(await provider(), { host: 'imap2.old.example' })
  const next = totp.generate({ timestamp: Date.now() + 30_000 })
  t.match(await save({ ...moved, code: next }), { status: 303 })
  t.match(await provider(), { host: 'imap3.old.example' })
})

t.test('no password is in an answer or in the log', async (t) => {
  const { text } = await save({ host: 'imap4.old.example', current: 'a wrong password' })
  t.notMatch(text, 'a wrong password')
  t.same(formsFound(Buffer.from(service.log()), [OWNER.password, 'a wrong password']), [])
})

t.end()

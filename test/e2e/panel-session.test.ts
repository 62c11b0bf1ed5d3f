import { type TOTP, URI } from 'otpauth'
import { pino } from 'pino'
import t from 'tap'
import type { PanelDeps } from '../../src/http/panel/deps.ts'
import { panel } from '../../src/http/panel/panel.ts'
import { scriptedListener } from '../http/scripted-listener.ts'
import { startChromium } from '../support/browser.ts'
import { mustRun } from '../support/ferry.ts'
import {
  addAdministrators,
  button,
  fact,
  fillSignIn,
  heading,
  link,
  notice,
  OPERATOR,
  OWNER,
  section,
  signedIn,
  VIEWER,
} from '../support/panel.ts'
import { sessionCookie } from '../support/panel-session.ts'
import { formsFound } from '../support/secrets.ts'
import { startService } from '../support/service.ts'
import { Visitor } from '../support/visitor.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const STEP_MS = 30_000

const all = new AsyncDisposableStack()
t.teardown(() => all.disposeAsync())
const service = all.use(await startService())
await addAdministrators(service, OWNER, OPERATOR, VIEWER)
const { url } = service
const isIn = async (cookie: string) => {
  const visitor = new Visitor(url)
  visitor.cookie = cookie
  const { status, location } = await visitor.get('/admin')
  if (status !== 200 && location !== '/admin/sign-in') throw new Error(`neither in nor out: ${status} ${location}`)
  return status === 200
}
const forged = (signedInAt: number, touchedAt: number, key?: Buffer) =>
  sessionCookie(service, { name: OWNER.name, signedInAt, touchedAt }, key)

t.test('the cookie is for the panel alone, for no script, and for no request from elsewhere', async (t) => {
  const visitor = await Visitor.signedIn(url, OWNER)
  const given = (await visitor.get('/admin')).headers.getSetCookie()
  t.equal(given.length, 1)
  t.match(given[0], /^postferry=[^;]+; Path=\/admin; HttpOnly; SameSite=Strict$/)
  const behindTls = await new Visitor(url, { 'x-forwarded-proto': 'https' }).get('/admin/sign-in')
  t.match(behindTls.headers.getSetCookie()[0], /; HttpOnly; Secure; SameSite=Strict$/)
})

t.test('nobody but a proxy on this host says that there is TLS, and for whom it asks', async (t) => {
  const deps = {} as PanelDeps
  const { app } = scriptedListener({})
  app.register(panel, { deps, sessionKey: Buffer.alloc(32), log: pino({ level: 'silent' }) })
  t.teardown(() => app.close())
  const headers = { 'x-forwarded-proto': 'https' }
  const cookieFor = async (remoteAddress: string) =>
    (await app.inject({ url: '/admin/sign-in', headers, remoteAddress })).headers['set-cookie']
  t.match(await cookieFor('127.0.0.1'), /; Secure/)
  t.match(await cookieFor('::1'), /; Secure/)
  for (const address of ['192.0.2.1', '10.0.0.1', '::ffff:192.0.2.1']) t.notMatch(await cookieFor(address), /Secure/)
})

t.test('a session ends after half an hour without a question, and after twelve hours in any case', async (t) => {
  const now = Date.now()
  t.ok(await isIn(await forged(now - HOUR, now - 29 * MINUTE)))
  t.notOk(await isIn(await forged(now - HOUR, now - 31 * MINUTE)), 'idle')
  t.ok(await isIn(await forged(now - 12 * HOUR + MINUTE, now)))
  t.notOk(await isIn(await forged(now - 12 * HOUR - 1, now)), 'a long day')
  t.notOk(await isIn(await forged(now, now, Buffer.alloc(32, 1))), 'under another key')
  t.notOk(await isIn((await forged(now, now)).replace(/.{8}$/, 'AAAAAAAA')), 'changed')
})

t.test('what a page asks of its own accord keeps no session awake', async (t) => {
  const visitor = new Visitor(url)
  visitor.cookie = await forged(Date.now() - HOUR, Date.now() - 29 * MINUTE)
  const polled = async (path: string) => {
    const { status, headers } = await visitor.get(path, { 'hx-request': 'true' })
    return [status, headers.getSetCookie()]
  }
  t.same(await polled('/admin/report'), [200, []])
  t.equal((await visitor.get('/admin')).headers.getSetCookie().length, 1, 'but a person does')
  t.same(await polled('/admin/board'), [200, []], 'nor does a piece with forms in it')
})

t.test(
  'what changes a person ends all sessions of theirs at once, and what a page asks of its own accord',
  async (t) => {
    const changes = {
      role: () => mustRun(service, 'admin', 'role', OPERATOR.name, 'viewer'),
      password: () => service.run(['admin', 'passwd', OPERATOR.name], `${OPERATOR.password}\n`),
      removal: () => mustRun(service, 'admin', 'remove', OPERATOR.name),
    }
    for (const [name, change] of Object.entries(changes)) {
      const visitor = await Visitor.signedIn(url, OPERATOR)
      const { cookie } = visitor
      await change()
      t.notOk(await isIn(cookie), name)
      const asked = await visitor.get('/admin/board', { 'hx-request': 'true' })
      t.same([asked.status, asked.headers.get('hx-refresh')], [401, 'true'], 'the page is loaded again')
    }
  },
)

t.test('who signs out is out everywhere: a copy of the cookie is worth nothing', async (t) => {
  const visitor = await Visitor.signedIn(url, VIEWER)
  const copied = visitor.cookie
  const elsewhere = (await Visitor.signedIn(url, VIEWER)).cookie
  t.match(await visitor.post('/admin/sign-out'), { status: 303, location: '/admin/sign-in' })
  t.notOk(await isIn(copied))
  t.notOk(await isIn(elsewhere))
})

t.test('who changes the own password stays, and all others go', async (t) => {
  const [visitor, other] = [await Visitor.signedIn(url, VIEWER), await Visitor.signedIn(url, VIEWER)]
  const password = 'Views-the-ferry-still-4'
  await visitor.post('/admin/account/password', { current: 'not it', password })
  t.ok(await isIn(other.cookie), 'a wrong one changes nothing')
  await visitor.post('/admin/account/password', { current: VIEWER.password, password })
  t.ok(await isIn(visitor.cookie))
  t.notOk(await isIn(other.cookie))
  await Visitor.signedIn(url, { ...VIEWER, password })
})

t.test('a code is wanted besides the password once it is turned on, and works once', async (t) => {
  const visitor = await Visitor.signedIn(url, OWNER)
  await visitor.post('/admin/account/totp', { current: OWNER.password })
  const secret = /secret: <code>([A-Z2-7]+)</.exec((await visitor.get('/admin/account')).text)?.[1]
  const totp = URI.parse(`otpauth://totp/x?secret=${secret}`) as TOTP
  await visitor.post('/admin/account/totp/confirm', { code: totp.generate() === '000000' ? '000001' : '000000' })
  t.match((await Visitor.signedIn(url, OWNER)).cookie, 'postferry', 'not before it is confirmed')
  const confirming = totp.generate()
  await visitor.post('/admin/account/totp/confirm', { code: confirming })
  t.ok(await isIn(visitor.cookie))

  const next = totp.generate({ timestamp: Date.now() + STEP_MS })
  const signIn = (code: string) => new Visitor(url).signIn(OWNER, { code })
  t.match(await signIn(confirming), { status: 401, text: /is wrong/ }, 'it was used to confirm')
  t.match(await signIn(''), { status: 401, text: /Type your password again, and the code/ })
  t.match(await signIn('123 456'), { status: 401, text: /is wrong/ })
  t.match(await signIn(next), { status: 303, location: '/admin' })
  t.match(await signIn(next), { status: 401, text: /is wrong/ }, 'it was used')
})

t.test('a sign-in needs a form of the panel, and leads to a page of the panel only', async (t) => {
  const form = new URLSearchParams({ name: VIEWER.name, password: VIEWER.password })
  t.equal((await new Visitor(url).send('/admin/sign-in', form)).status, 403)
  await addAdministrators(service, { ...OPERATOR, name: 'next' })
  const landed = async (next: string) =>
    (await new Visitor(url).signIn({ ...OPERATOR, name: 'next' }, { next })).location
  t.equal(await landed('/admin/migrations?state=failed'), '/admin/migrations?state=failed')
  const elsewhere = [
    '//evil.example',
    'https://evil.example/admin',
    '/\\evil.example',
    '/admin\\@evil.example',
    '/administrator',
  ]
  for (const next of [
    ...elsewhere,
    '/admin.evil.example',
    'javascript:alert(1)',
    '/admin/\r\nset-cookie: x=y',
    '/v1/passdb',
  ])
    t.equal(await landed(next), '/admin', next)
})

t.test('whoever fails too often is not asked about any more, right or wrong; others are', async (t) => {
  const guesser = { ...OPERATOR, name: 'next', password: 'a wrong password' }
  for (let tries = 0; tries < 10; tries++) t.match(await new Visitor(url).signIn(guesser), { status: 401 })
  t.match(await new Visitor(url).signIn({ ...guesser, password: OPERATOR.password }), {
    status: 429,
    text: /ten minutes/,
  })
  t.match(await new Visitor(url).signIn({ name: 'nobody', password: 'x' }), { status: 401 })
})

t.test('a page that is open when the session ends shows the sign-in, and leads back', async (t) => {
  const person = { ...VIEWER, name: 'watcher' }
  await addAdministrators(service, person)
  const chromium = await startChromium(url)
  t.teardown(() => chromium[Symbol.asyncDispose]())
  const page = await signedIn(await chromium.profile(), url, person)
  await page.goto(`${url}/admin?from=here`)
  await mustRun(service, 'admin', 'role', person.name, 'operator')
  await notice(page).filter({ hasText: 'Your session has ended: sign in again.' }).waitFor()
  await fillSignIn(page, person)
  await heading(page, 'Overview').waitFor()
  t.equal(page.url(), `${url}/admin?from=here`)
  t.match(chromium.takeFaults(), [/status of 401/], 'the board was refused, and nothing else')
})

t.test('a form that is sent after its session has ended is told so, kept, and sent after the sign-in', async (t) => {
  const person = { ...OWNER, name: 'late', password: 'Comes-too-late-5' }
  await addAdministrators(service, person)
  const chromium = all.use(await startChromium(url))
  const context = await chromium.profile()
  const [here, elsewhere] = [await signedIn(context, url, person), await context.newPage()]
  await here.goto(`${url}/admin/administrators`)
  const adding = section(here, 'Add an administrator')
  await adding.getByLabel('Name').fill('carla')
  await adding.getByLabel('Password').fill('Nobody-keeps-this-6')
  await adding.getByLabel('Reason, for the audit').fill('she helps & <asks>')
  await elsewhere.goto(`${url}/admin`)
  await button(elsewhere, 'Sign out').click()
  await notice(elsewhere).waitFor()
  await button(here, 'Add').click()
  await notice(here).filter({ hasText: 'Your session has ended, and nothing was done.' }).waitFor()
  t.notMatch(await here.content(), /Nobody-keeps-this-6/)
  await fillSignIn(here, { ...person, password: 'not the password' })
  await notice(here).filter({ hasText: 'is wrong' }).waitFor()
  await fillSignIn(here, person)
  await heading(here, 'Not done yet').waitFor()
  t.equal(await fact(here, 'Name').innerText(), 'carla')
  t.equal(await fact(here, 'Reason').innerText(), 'she helps & <asks>')
  t.equal(await link(here, 'Cancel').getAttribute('href'), '/admin/administrators')
  t.notMatch(await mustRun(service, 'admin', 'list'), /carla/)
  await here.getByLabel('Password').fill('Her-password-is-7')
  await button(here, 'Send it now').click()
  await notice(here).filter({ hasText: 'carla can sign in now.' }).waitFor()
  t.match(await mustRun(service, 'audit', 'list'), /she helps & <asks>/)
  await Visitor.signedIn(url, { ...VIEWER, name: 'carla', password: 'Her-password-is-7' })
})

t.test('so is one whose person has signed in again elsewhere meanwhile', async () => {
  const person = { ...OWNER, name: 'twice', password: 'Signs-in-again-8' }
  await addAdministrators(service, person)
  const chromium = all.use(await startChromium(url))
  const context = await chromium.profile()
  const here = await signedIn(context, url, person)
  await here.goto(`${url}/admin/new-provider`)
  await here.getByLabel('Name').fill('old')
  await here.getByLabel('Host').fill('imap.old.example')
  const elsewhere = await context.newPage()
  await elsewhere.goto(`${url}/admin`)
  await button(elsewhere, 'Sign out').click()
  await fillSignIn(elsewhere, person)
  await heading(elsewhere, 'Overview').waitFor()
  await button(here, 'Add').click()
  await heading(here, 'Not done yet').waitFor()
  await button(here, 'Send it now').click()
  await notice(here).filter({ hasText: 'old is added' }).waitFor()
})

t.test('a form from elsewhere is not kept for whoever signs in, and a wrong one leads nowhere', async (t) => {
  const path = '/admin/administrators'
  const body = () => new URLSearchParams({ name: 'mallory', role: 'owner', password: 'x' })
  for (const origin of ['https://evil.example', 'null', '']) {
    const reply = await new Visitor(url).send(path, body(), origin ? { origin } : {})
    t.match(reply, { status: 303, location: '/admin/sign-in' }, origin)
  }
  const own = await new Visitor(url).send(path, body(), { origin: url, referer: `${url}${path}` })
  t.match(own, { status: 401, text: /name="unsent" value="[^"]*name=mallory&amp;role=owner&amp;password="/ })
  t.notMatch(own.text, /password=x/)
  for (const unsent of [
    'https://evil.example/admin/x',
    '//evil.example/admin',
    '/v1/admin/import',
    'x',
    '%',
    '/admin/%ff?a=%ff',
  ]) {
    const { status, text } = await new Visitor(url).signIn(
      { ...OWNER, name: 'late', password: 'Comes-too-late-5' },
      { unsent },
    )
    t.ok([200, 400].includes(status), unsent)
    t.notMatch(text, /action="(?!\/admin)/, unsent)
  }
})

t.test('a file that is sent too late is asked for again', async (t) => {
  const form = new FormData()
  form.set('file', new Blob(['address\n']), 'people.csv')
  const visitor = new Visitor(url)
  const reply = await visitor.send('/admin/import', form, { origin: url, referer: `${url}/admin/import` })
  t.match(reply, { status: 303, location: '/admin/sign-in?next=%2Fadmin%2Fimport' })
  t.match((await visitor.get(reply.location)).text, /Your session has ended, and nothing was done/)
})

t.test('many tabs leave the browser a connection to the panel: what nobody sees asks for nothing', async (t) => {
  const person = { ...OWNER, name: 'tabs', password: 'Opens-many-tabs-9' }
  await addAdministrators(service, person)
  const chromium = all.use(await startChromium(url))
  const context = await chromium.profile()
  const seen = await signedIn(context, url, person)
  const asked: string[] = []
  for (let tab = 0; tab < 7; tab++) {
    const page = await context.newPage()
    page.on('request', (request) => asked.push(request.url()))
    // As a tab is that nobody has looked at yet.
    await page.addInitScript(`Object.defineProperty(document, 'hidden', { get: () => true })`)
    await page.goto(`${url}/admin`)
    await heading(page, 'Overview').waitFor()
  }
  const board = (request: { url(): string }) => request.url() === `${url}/admin/board`
  for (let looks = 0; looks < 3; looks++) await seen.waitForRequest(board)
  t.same(
    asked.filter((one) => one === `${url}/admin/board`),
    [],
  )
})

t.test('no password and no code is in the log', async (t) => {
  const secrets = [OWNER.password, OPERATOR.password, VIEWER.password, 'a wrong password', 'Nobody-keeps-this-6']
  t.same(formsFound(Buffer.from(service.log()), secrets), [])
})

t.end()

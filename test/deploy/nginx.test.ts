import { once } from 'node:events'
import { chmodSync, readFileSync } from 'node:fs'
import type { IncomingMessage } from 'node:http'
import { request } from 'node:https'
import { text } from 'node:stream/consumers'
import { connect } from 'node:tls'
import type { Page } from 'playwright-core'
import t from 'tap'
import { startChromium } from '../support/browser.ts'
import { mustRun, startFerry } from '../support/ferry.ts'
import { type Nginx, startNginx } from '../support/nginx.ts'
import { addAdministrators, button, heading, link, notice, OWNER, signedIn } from '../support/panel.ts'
import { query } from '../support/query.ts'
import { startRelay } from '../support/relay.ts'

const ANNA = ['anna@old.example', 'Correct-Horse-9'] as const
const LOOPBACK = '127.0.0.0/8'

const all = new AsyncDisposableStack()
t.teardown(() => all.disposeAsync())
const { old, service } = all.use(
  await startFerry(Object.fromEntries([ANNA]), { POSTFERRY_HOST_NAMES: 'postferry.example' }),
)
await addAdministrators(service, OWNER)
const upstream = new URL(service.url).host
const nginx = all.use(await startNginx({ upstream, network: LOOPBACK }))
const chromium = all.use(await startChromium(nginx.url))
const context = await chromium.profile({ ignoreHTTPSErrors: true })
let page: Page

t.test('the panel is used through nginx, by HTTP/2, with a cookie for TLS only', async (t) => {
  page = await signedIn(context, nginx.url, OWNER)
  t.equal(await page.evaluate('performance.getEntriesByType("navigation")[0].nextHopProtocol'), 'h2')
  const [cookie] = await context.cookies()
  t.match(cookie, { name: 'postferry', path: '/admin', secure: true, httpOnly: true, sameSite: 'Strict' })
})

t.test('what lives in a page arrives through nginx', async () => {
  await heading(page, 'No migrations yet').waitFor()
  await service.passdb(...ANNA)
  await link(page, '1 pending').waitFor()
})

t.test('the steps of a connection test come one by one through nginx', async (t) => {
  await using slow = await startRelay(old.tlsPort, undefined, 1_000)
  await mustRun(service, 'provider', 'set', 'old', '--port', `${slow.port}`)
  await page.goto(`${nginx.url}/admin/providers/old`)
  await button(page, 'Test connection').click({ noWaitAfter: true })
  await page.getByText('Name', { exact: true }).waitFor()
  t.equal(await page.getByText('Refusal', { exact: true }).count(), 0)
  await notice(page).filter({ hasText: 'The old server can be used.' }).waitFor()
})

t.test('a large file is imported through nginx, one that is too large is not', async (t) => {
  await page.goto(`${nginx.url}/admin/import`)
  await page.getByLabel('CSV file').setInputFiles(people())
  await button(page, 'Read the file').click()
  await heading(page, 'What the file would do').waitFor()
  t.equal(await page.getByText('2 people: no password yet').count(), 1)
  t.equal(await send(nginx, 'POST', '/admin/import', { 'content-length': `${18 * 1024 * 1024}` }), 413)
})

t.test('nothing of postferry but the panel is reached', async (t) => {
  for (const path of [
    '/v1/passdb',
    '/v1/admin/migrations',
    '/livez',
    '/metrics',
    '/openapi.json',
    '/',
    '/administrator',
  ])
    t.equal(await send(nginx, 'GET', path), 404, path)
  t.equal(await send(nginx, 'GET', '/admin//../v1/status'), 404)
  t.equal(await send(nginx, 'GET', '/admin/%2e%2e/v1/status'), 404)
  t.equal(await send(nginx, 'GET', '/admin/sign-in'), 200)
})

t.test('the panel is reached by the names that it was told, and by no other', async (t) => {
  const status = (host: string) => send(nginx, 'GET', '/admin/sign-in', { host })
  t.equal(await status('postferry.example'), 200)
  t.equal(await status('elsewhere.example'), 421)
})

t.test('whoever is not in the networks of the file gets nothing', async (t) => {
  await using closed = await startNginx({ upstream })
  for (const path of ['/admin', '/admin/sign-in', '/admin/assets/x'])
    t.equal(await send(closed, 'GET', path), 403, path)
})

t.test('a browser that comes back takes TLS, and no old one', async (t) => {
  const { headers } = await answer(nginx, 'GET', '/admin/sign-in')
  t.match(headers['strict-transport-security'], /max-age=\d{8}/)
  t.equal(headers.server, 'nginx')
  t.equal(headers['content-encoding'], undefined, 'what has secrets in it is not compressed')
  const handshake = (version: 'TLSv1.1' | 'TLSv1.2') => {
    const options = { minVersion: 'TLSv1', maxVersion: version, ciphers: 'DEFAULT@SECLEVEL=0' } as const
    const socket = connect({ port: nginx.port, host: 'localhost', ca: readFileSync(nginx.ca), ...options })
    return once(socket, 'secureConnect').then(
      () => void socket.destroy(),
      (error) => error.code,
    )
  }
  t.match(await handshake('TLSv1.1'), /PROTOCOL_VERSION|VERSION/)
  t.equal(await handshake('TLSv1.2'), undefined)
})

t.test('nobody tells postferry through nginx to be somebody else, on TCP or on the socket', async (t) => {
  chmodSync(service.dataDir, 0o711)
  chmodSync(service.socket, 0o666)
  await using bySocket = await startNginx({ upstream: `unix:${service.socket}`, network: LOOPBACK })
  for (const way of [nginx, bySocket]) {
    await using other = await startChromium(way.url)
    const headers = { 'x-forwarded-for': '203.0.113.9', 'x-forwarded-proto': 'http' }
    const profile = await other.profile({ ignoreHTTPSErrors: true, extraHTTPHeaders: headers })
    await signedIn(profile, way.url, OWNER)
    t.match(await profile.cookies(), [{ name: 'postferry', secure: true }])
    const signIns = `select detail from audit where action = 'admin.sign-in' order by id desc limit 1`
    t.same((await query(service.dataDir, signIns)).rows, [{ detail: 'from 127.0.0.1' }])
  }
})

/** Two people, and lines that are too long for anybody's: 15 MB in all. */
function people() {
  const lines = ['address', 'ben@old.example', ...Array(150).fill('x'.repeat(100_000)), 'cleo@old.example']
  return { name: 'people.csv', mimeType: 'text/csv', buffer: Buffer.from(`${lines.join('\n')}\n`) }
}

async function send(to: Nginx, method: string, path: string, headers: Record<string, string> = {}): Promise<number> {
  const { statusCode } = await answer(to, method, path, headers)
  return statusCode ?? 0
}

/** By HTTP/1.1, with the certificate verified, and the path as it stands. */
async function answer({ port, ca }: Nginx, method: string, path: string, headers = {}): Promise<IncomingMessage> {
  const place = { host: 'localhost', servername: 'localhost', port, ca: readFileSync(ca) }
  const options = { ...place, path, method, headers, agent: false }
  const asked = request(options).on('error', () => undefined)
  asked.flushHeaders()
  if (method === 'GET') asked.end()
  const [response] = await once(asked, 'response')
  await text(response)
  asked.destroy()
  return response
}

t.end()

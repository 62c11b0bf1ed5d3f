import { chmodSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import t, { type Test } from 'tap'
import { startChromium } from '../support/browser.ts'
import { mustRun } from '../support/ferry.ts'
import { HOSTILE } from '../support/hostile-texts.ts'
import { ImapWire } from '../support/imap-wire.ts'
import { encodeName } from '../support/mailbox-names.ts'
import { addAdministrators, button, heading, notice, OWNER, section, signedIn } from '../support/panel.ts'
import { startRelay } from '../support/relay.ts'
import { startService } from '../support/service.ts'
import { startSource } from '../support/source-server.ts'

const ANNA = ['anna@old.example', 'Correct-Horse-9'] as const
const PHONE = { width: 360, height: 740 }
const { script = '', image = '', attribute = '', long = '', ...others } = HOSTILE
const REFUSAL = `nein ${script}${attribute}`.toLowerCase()
/** A separator of folders is no part of a name; 255 bytes are no more than a directory has. */
const FOLDERS = Object.values({ ...HOSTILE, long: long.slice(0, 150) }).map((name) => name.replaceAll('/', '_'))
const MESSAGE_ID = `<${image}@old.example>`
/** What a user name on an old server may be. */
const NAMES = Object.values({ ...HOSTILE, long: long.slice(0, 255) })

const homes = mkdtempSync(join(tmpdir(), 'postferry-homes-'))
chmodSync(homes, 0o755)
const all = new AsyncDisposableStack()
t.teardown(async () => {
  await all.disposeAsync()
  rmSync(homes, { recursive: true })
})
const old = all.use(
  await startSource({ people: Object.fromEntries([ANNA]), configuration: `login_greeting = well ${script}${image}` }),
)
const relay = all.use(await startRelay(old.port, refusing))
const service = all.use(await startService({ POSTFERRY_HOME: `${homes}/%d/%n` }))
await mustRun(service, 'provider', 'add', 'old', '--host', 'localhost', '--port', `${relay.port}`, '--tls', 'none')
await mustRun(service, 'domain', 'add', 'old.example', '--provider', 'old')
await addAdministrators(service, OWNER)
await fillMailbox()
await service.passdb(...ANNA)
await mustRun(service, 'sync', '--account', ANNA[0])
for (const name of readdirSync(homes, { recursive: true, encoding: 'utf8' }))
  if (/\/(cur|new)\/./.test(name)) rmSync(join(homes, name))
await service.run(['verify', ANNA[0]])

const chromium = all.use(await startChromium(service.url))
const page = await signedIn(await chromium.profile({ viewport: PHONE }), service.url, OWNER)
const at = async (path: string) => void (await page.goto(`${service.url}${path}`))

t.test('what an old server says is shown as it says it', async (t) => {
  await at('/admin/providers/old')
  await button(page, 'Test connection').click()
  await page.getByText(`well ${script}${image}`).waitFor()
  await page.getByText(`learned: it refuses with "${REFUSAL}`).waitFor()
  await isHarmless(t, page)
  await at('/admin/providers/old')
  // Of what is learned, only what will be the same the next time is kept.
  await page.getByText('It refuses a password with “nein <script>globalthis.hacked').waitFor()
  await isHarmless(t, page)
})

t.test('folders and messages of any name stand in the ledger and in the last lines of an attempt', async (t) => {
  await at(`/admin/migrations/${ANNA[0]}`)
  const ledger = section(page, 'Ledger')
  for (const folder of FOLDERS) await shows(ledger.getByRole('cell', { name: folder, exact: true }).first())
  await shows(ledger.getByRole('cell', { name: MESSAGE_ID, exact: true }).first())
  await section(page, 'Attempts').getByText('Show').first().click()
  t.match(await section(page, 'Attempts').locator('pre').first().innerText(), /\S/)
  await isHarmless(t, page)
})

t.test('a file of hostile lines is imported by its sound ones, and old user names are shown as they are', async (t) => {
  const quoted = (text: string) => `"${text.replaceAll('"', '""')}"`
  const lines = NAMES.map((name, number) => `p${number}@old.example,${quoted(name)}`)
  const bad = [`${script},x`, `p@old.example,${quoted(long)}`, `"${attribute}`, `${image}@old.example`]
  const text = ['address,old_username', ...lines, ...bad].join('\n')
  await at('/admin/import')
  await page
    .getByLabel('CSV file')
    .setInputFiles({ name: `${script}.csv`, mimeType: 'text/csv', buffer: Buffer.from(text) })
  await button(page, 'Read the file').click()
  await heading(page, 'What the file would do').waitFor()
  await isHarmless(t, page)
  await section(page, 'Bad lines').getByText(`${bad.length} lines of ${bad.length}`).waitFor()
  await page.getByRole('checkbox').check()
  await page.getByLabel('Reason').fill(script + image)
  await button(page, 'Import').click()
  await notice(page).filter({ hasText: 'The users are imported.' }).waitFor()
  await at('/admin/migrations?state=awaited')
  for (const name of NAMES) await shows(page.getByText(name, { exact: true }).first())
  await isHarmless(t, page)
  for (const number of NAMES.keys()) {
    await at(`/admin/migrations/p${number}@old.example`)
    await page
      .getByText(NAMES[number] ?? '')
      .first()
      .waitFor()
    await isHarmless(t, page)
  }
})

t.test('reasons are shown in the audit as somebody gave them, in whichever interface', async (t) => {
  const reasons = [...Object.values({ script, image, attribute, ...others }), long.slice(0, 500)]
  for (const [number, reason] of reasons.entries())
    await mustRun(service, 'migration', 'pause', `p${number}@old.example`, '--reason', reason)
  await at('/admin/audit')
  for (const reason of reasons) await shows(page.getByRole('cell', { name: reason, exact: true }))
  await isHarmless(t, page)
})

t.test('what stands in an address or a form comes back as text', async (t) => {
  for (const text of Object.values(HOSTILE)) {
    const word = encodeURIComponent(text)
    for (const path of [`migrations?search=${word}`, `audit?subject=${encodeURIComponent(text.slice(0, 400))}`]) {
      await at(`/admin/${path}`)
      await page.getByRole('searchbox').or(page.getByLabel('Of whom or what')).first().waitFor()
      await isHarmless(t, page)
    }
    await at(`/admin/nowhere/${word}`)
    await heading(page, 'There is no such page').waitFor()
    await isHarmless(t, page)
  }
  await at('/admin/new-provider')
  await page.getByLabel('Name').fill(script)
  await page.getByLabel('Host').fill(attribute)
  await page.getByLabel('Port', { exact: true }).fill(image)
  await page.getByLabel('Reason').fill(attribute)
  await button(page, 'Add').click()
  await notice(page).filter({ hasText: 'Nothing is saved yet' }).waitFor()
  t.equal(await page.getByLabel('Host').inputValue(), attribute)
  await isHarmless(t, page)
})

t.test('the sign-in repeats a name as text', async (t) => {
  const stranger = await (await chromium.profile({ viewport: PHONE })).newPage()
  await stranger.goto(`${service.url}/admin/sign-in?next=${encodeURIComponent(attribute + script)}`)
  await stranger.getByLabel('Name').fill(attribute)
  await stranger.getByLabel('Password').fill(script)
  await button(stranger, 'Sign in').click()
  await notice(stranger).waitFor()
  t.equal(await stranger.getByLabel('Name').inputValue(), attribute)
  await isHarmless(t, stranger)
})

t.test('no policy had to forbid anything', async (t) => {
  t.same(chromium.faults(), [])
})

/** Nothing ran, nothing became an element, and nobody has to scroll sideways. */
async function isHarmless(t: Test, page: Page): Promise<void> {
  const seen = await page.evaluate(`({
    hacked: globalThis.hacked,
    elements: document.querySelectorAll('script:not([src]), img:not([src^="/admin/assets/"]), iframe, object, style, b[hx-get], [onerror], [onfocus], [onload], [onmouseover], a[href^="javascript:"]').length,
    aside: document.documentElement.scrollWidth - document.documentElement.clientWidth,
  })`)
  t.same(seen, { hacked: undefined, elements: 0, aside: 0 }, decodeURIComponent(page.url()).slice(0, 80))
}

async function shows(locator: ReturnType<Page['locator']>): Promise<void> {
  await locator.waitFor({ state: 'attached' })
}

async function fillMailbox(): Promise<void> {
  const [user, password] = ANNA
  await using wire = await ImapWire.open({ host: 'localhost', port: old.port, user, password })
  for (const folder of ['INBOX', ...FOLDERS]) {
    const name = Buffer.from(encodeName(folder))
    if (folder !== 'INBOX') await wire.command('CREATE ', name)
    await wire.command(
      'APPEND ',
      name,
      ' ',
      Buffer.from(`Message-ID: ${MESSAGE_ID}\r\nSubject: ${script}\r\n\r\nHello\r\n`),
    )
  }
}

function refusing(data: Buffer): Buffer {
  return Buffer.from(data.toString('latin1').replace(/ NO \[AUTHENTICATIONFAILED\][^\r]*/, ` NO ${REFUSAL}`), 'latin1')
}

t.end()

import type { BrowserContext, Page } from 'playwright-core'
import t from 'tap'
import { startChromium } from '../support/browser.ts'
import { mustRun } from '../support/ferry.ts'
import { fillInstallation, TROUBLED } from '../support/installation.ts'
import { addAdministrators, button, fact, heading, link, notice, OWNER, section, signedIn } from '../support/panel.ts'
import { PAGES } from '../support/panel-pages.ts'
import { startService } from '../support/service.ts'
import { startSource } from '../support/source-server.ts'
import { until } from '../support/until.ts'

const WEIGHT_LIMIT = 100 * 1024
const PEOPLE = 412
const ROWS = 100

const all = new AsyncDisposableStack()
t.teardown(() => all.disposeAsync())
const old = all.use(await startSource({ people: {} }))
const service = all.use(await startService())
for (const name of ['kontor', 'weber'])
  await mustRun(service, 'provider', 'add', name, '--host', 'localhost', '--port', `${old.port}`, '--tls', 'none')
await fillInstallation(service, ['kontor', 'weber'], PEOPLE)
await addAdministrators(service, OWNER)
const chromium = all.use(await startChromium(service.url))

t.test('no page weighs more than 100 KB with all that it loads', async (t) => {
  const context = await chromium.profile()
  const page = await signedIn(context, service.url, OWNER)
  const weightOf = await weighing(context, page)
  for (const [name, open] of Object.entries(PAGES)) {
    await open(page, service.url)
    await page.waitForLoadState('load')
    const weight = weightOf()
    t.ok(weight > 1024 && weight < WEIGHT_LIMIT, `${name}: ${Math.round(weight / 1024)} KB`)
  }
})

const plain = await signedIn(await chromium.profile({ javaScriptEnabled: false }), service.url, OWNER)
const at = async (path: string) => void (await plain.goto(`${service.url}${path}`))

t.test('without JavaScript a list is searched, sorted and read page by page in both directions', async (t) => {
  await at('/admin/migrations')
  const seen: string[] = []
  for (let more = true; more; ) {
    seen.push(...(await addressesOn(plain)))
    more = (await link(plain, 'Next').count()) > 0
    if (more) await link(plain, 'Next').click()
  }
  t.equal(new Set(seen).size, PEOPLE)
  // No name has more than one digit.
  const byName = (one: string, other: string) => (one.replace('@', ' ') < other.replace('@', ' ') ? -1 : 1)
  t.same(seen, seen.toSorted(byName), 'in the order of the addresses')
  await link(plain, 'Previous').click()
  t.same(await addressesOn(plain), seen.slice(-(PEOPLE % ROWS) - ROWS, -(PEOPLE % ROWS)))
  await link(plain, 'First').click()
  await link(plain, 'Address ↑').click()
  t.same(await addressesOn(plain), seen.slice(-ROWS).reverse())
  await plain.getByLabel('Address or old user name').fill('greta.')
  await plain.getByLabel('Provider').selectOption('kontor')
  await button(plain, 'Show').click()
  const found = await addressesOn(plain)
  t.ok(found.length > 3 && found.every((address) => /^greta\.\w+@kontor\.example$/.test(address)), `${found}`)
})

t.test('without JavaScript many are changed at once', async (t) => {
  await at('/admin/migrations?state=synced')
  const [first = '', second = ''] = await addressesOn(plain)
  for (const address of [first, second]) await plain.getByLabel(address, { exact: true }).check()
  await plain.getByLabel('What to do').selectOption('Pause')
  await button(plain, 'With the selected ones…').click()
  await button(plain, 'Pause: 2 migrations').click()
  await notice(plain).filter({ hasText: 'Pause: 2 of 2 migrations.' }).waitFor()
  t.notOk((await addressesOn(plain)).includes(first))
  await at(`/admin/migrations/${second}`)
  await section(plain, 'State').getByText('paused', { exact: true }).waitFor()
})

t.test('without JavaScript an old server is added and tested, step by step', async () => {
  await at('/admin/new-provider')
  await plain.getByLabel('Name').fill('third')
  await plain.getByLabel('Host').fill('localhost')
  await plain.getByLabel('Protection').selectOption('none')
  await plain.getByLabel('Port', { exact: true }).fill(`${old.port}`)
  await button(plain, 'Add').click()
  await button(plain, 'Test connection').click()
  await notice(plain).filter({ hasText: 'The old server can be used.' }).waitFor()
  await plain.getByText('refuses as expected').waitFor()
  await at('/admin')
  const third = plain.getByRole('row').filter({ hasText: 'third' }).filter({ hasText: 'well' })
  // Who looks first has them asked.
  await until(async () => (await third.count()) > 0 || void (await at('/admin')), 'a server that is well')
})

t.test('without JavaScript a file is read, looked at and imported', async (t) => {
  await at('/admin/import')
  const buffer = Buffer.from('address\nnew@kontor.example\nnobody\nnewer@kontor.example\n')
  await plain.getByLabel('CSV file').setInputFiles({ name: 'people.csv', mimeType: 'text/csv', buffer })
  await button(plain, 'Read the file').click()
  await heading(plain, 'What the file would do').waitFor()
  await button(plain, 'Import').click()
  await notice(plain).filter({ hasText: 'Nothing was imported: some lines are bad.' }).waitFor()
  await at('/admin/import')
  await plain.getByLabel('CSV file').setInputFiles({ name: 'people.csv', mimeType: 'text/csv', buffer })
  await button(plain, 'Read the file').click()
  await plain.getByRole('checkbox', { name: /^Leave the 1 bad/ }).check()
  await button(plain, 'Import').click()
  await notice(plain).filter({ hasText: 'The users are imported.' }).waitFor()
  t.match(await fact(plain, 'Awaited').innerText(), /^2 people/)
})

t.test('without JavaScript a migration is finished by force, with a warning and a reason', async (t) => {
  await at(`/admin/migrations/${TROUBLED}`)
  await link(plain, 'Finish by force…').click()
  await notice(plain).filter({ hasText: 'The last ledger' }).waitFor()
  await plain.getByLabel('Reason').fill('agreed with her')
  await button(plain, `Finish ${TROUBLED} now`).click()
  await notice(plain).filter({ hasText: 'is done now' }).waitFor()
  const entry = section(plain, 'Audit').getByRole('row').filter({ hasText: 'agreed with her' })
  t.equal(await entry.count(), 1)
})

t.test('without JavaScript times are told in UTC, and nothing is offered that needs it', async (t) => {
  await at('/admin/audit')
  t.match(await plain.getByRole('cell', { name: /UTC$/ }).first().innerText(), /^20\d\d-\d\d-\d\d \d\d:\d\d UTC$/)
  await at('/admin/migrations')
  t.notOk(await plain.getByLabel('Select all on this page').isVisible())
  await button(plain, 'Sign out').click()
  await notice(plain).filter({ hasText: 'You are signed out' }).waitFor()
})

function addressesOn(page: Page): Promise<string[]> {
  return page.getByRole('link', { name: /@(kontor|weber-soehne)\.example$/ }).allInnerTexts()
}

/** Tells what the page that was opened last has cost, without a cache. */
async function weighing(context: BrowserContext, page: Page): Promise<() => number> {
  const devtools = await context.newCDPSession(page)
  await devtools.send('Network.enable')
  await devtools.send('Network.setCacheDisabled', { cacheDisabled: true })
  let weight = 0
  devtools.on('Network.requestWillBeSent', ({ type }) => {
    if (type === 'Document') weight = 0
  })
  devtools.on('Network.loadingFinished', ({ encodedDataLength }) => {
    weight += encodedDataLength
  })
  return () => weight
}

t.end()

import { AxeBuilder } from '@axe-core/playwright'
import type { Page } from 'playwright-core'
import t from 'tap'
import { startChromium } from '../support/browser.ts'
import { mustRun } from '../support/ferry.ts'
import { fillInstallation } from '../support/installation.ts'
import { addAdministrators, fillSignIn, heading, OWNER } from '../support/panel.ts'
import { PAGES } from '../support/panel-pages.ts'
import { query } from '../support/query.ts'
import { startService } from '../support/service.ts'
import { startSource } from '../support/source-server.ts'

const SCREENS = [
  { name: 'wide screen', viewport: { width: 1440, height: 900 } },
  { name: 'phone', viewport: { width: 390, height: 844 } },
] as const
const COLOURS = ['light', 'dark'] as const

/** Somebody who works on the old server still. */
const AT_SOURCE = 'anna.albers@kontor.example'
const PROXIED = `
  with proxied as (update provider set cutover = 'proxied', flip = 'manual', engine = 'doveadm' where name = 'kontor')
  update migration set route = 'source', state = 'synced', flip_requested_at = now() where address = $1`

// Each page is looked at for seconds.
t.setTimeout(600_000)
const all = new AsyncDisposableStack()
t.teardown(() => all.disposeAsync())
const old = all.use(await startSource({ people: {} }))
const service = all.use(await startService())
for (const name of ['kontor', 'weber'])
  await mustRun(service, 'provider', 'add', name, '--host', 'localhost', '--port', `${old.port}`, '--tls', 'none')
await fillInstallation(service, ['kontor', 'weber'], 24)
await query(service.dataDir, PROXIED, [AT_SOURCE])
await addAdministrators(service, OWNER)
const chromium = all.use(await startChromium(service.url))

for (const { name, ...profile } of SCREENS) {
  t.test(`nobody is shut out, on a ${name}, in either colours`, async (t) => {
    const context = await chromium.profile(profile)
    const page = await context.newPage()
    await page.goto(`${service.url}/admin`)
    t.same(await findings(page), [], 'sign in')
    await fillSignIn(page, { ...OWNER, password: 'a wrong one' })
    await page.getByRole('alert').waitFor()
    t.same(await findings(page), [], 'sign in again')
    await fillSignIn(page, OWNER)
    await heading(page, 'Overview').waitFor()
    for (const [name, open] of Object.entries(PAGES)) {
      await open(page, service.url)
      t.same(await findings(page), [], name)
    }
    await page.goto(`${service.url}/admin/migrations/${AT_SOURCE}`)
    t.same(await findings(page), [], 'somebody who is proxied')
    await context.close()
  })
}

/** What stands in anybody's way, in both colours; and whether the page is wider than the screen. */
async function findings(page: Page): Promise<string[]> {
  const found: string[] = []
  for (const colorScheme of COLOURS) {
    await page.emulateMedia({ colorScheme })
    found.push(...(await findingsIn(page, colorScheme === 'light' ? [] : OF_COLOURS)))
  }
  return found
}

/** What rules see that see colours. */
const OF_COLOURS = ['color-contrast', 'link-in-text-block']

/** @param rules empty: all */
async function findingsIn(page: Page, rules: readonly string[]): Promise<string[]> {
  await page.evaluate(`for (const one of document.querySelectorAll('details')) one.open = true`)
  // There are no frames, for which another page would be opened each time.
  const axe = new AxeBuilder({ page }).setLegacyMode().options({
    resultTypes: ['violations'],
    ...(rules.length > 0 && { runOnly: { type: 'rule', values: [...rules] } }),
  })
  const { violations } = await axe.analyze()
  const aside = await page.evaluate('document.documentElement.scrollWidth > document.documentElement.clientWidth')
  return violations
    .flatMap(({ id, nodes }) => nodes.map(({ target, failureSummary }) => `${id} ${target}: ${failureSummary}`))
    .concat(aside ? ['it is wider than the screen'] : [])
}

t.end()

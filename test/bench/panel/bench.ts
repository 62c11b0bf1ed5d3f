import type { Page } from 'playwright-core'
import { startChromium } from '../../support/browser.ts'
import { mustRun } from '../../support/ferry.ts'
import { fillInstallation } from '../../support/installation.ts'
import { addAdministrators, OWNER, signedIn } from '../../support/panel.ts'
import { query } from '../../support/query.ts'
import { startService } from '../../support/service.ts'
import type { Line } from '../row.ts'
import { rounded, table } from '../table.ts'
import { inTurns } from '../turns.ts'

const PEOPLE = 100_000
const ROUNDS = 9
const LIMIT_MS = 1_000

const PAGES = {
  'the overview': '/admin',
  'the list of migrations': '/admin/migrations',
  'the list, by the time of its changes, backwards': '/admin/migrations?sort=changed_at&descending=yes',
  'the list, one page before its end': '/admin/migrations?before=',
  'the list, searched': '/admin/migrations?search=klara.lorenz',
}

if (process.argv.length > 2) {
  console.error(`usage: npm run bench:panel

Measures in a browser when pages of the panel are painted first, with ${PEOPLE} migrations, against a page that asks the
database for nothing, and prints a Markdown table. Takes five minutes.`)
  process.exit(process.argv[2] === '--help' ? 0 : 64)
}

await using service = await startService()
for (const name of ['kontor', 'weber']) await mustRun(service, 'provider', 'add', name, '--host', '127.0.0.1')
await fillInstallation(service, ['kontor', 'weber'], PEOPLE)
await query(service.dataDir, 'vacuum analyze')
await addAdministrators(service, OWNER)
await using chromium = await startChromium(service.url)
const page = await signedIn(await chromium.profile(), service.url, OWNER)

const lines: Line[] = []
let end: string | undefined
for (const [what, path] of Object.entries(PAGES)) {
  const ours = () => firstPaint(page, path.endsWith('before=') ? beforeTheEnd(page, path) : path)
  const compared = await inTurns(ROUNDS, ours, () => firstPaint(page, '/admin/account'))
  lines.push({
    what: `first paint of ${what}, 100,000 migrations`,
    reference: `a page without a list: ${rounded(compared.reference)} ms`,
    measured: `${rounded(compared.ours)} ms, ${compared.ratio.toFixed(2)} × (${compared.low.toFixed(2)}–${compared.high.toFixed(2)})`,
    target: '< 1 s',
    isMet: compared.ours < LIMIT_MS,
  })
}
console.log(table(lines))

/** Milliseconds from the request to the first paint of anything (Paint Timing, W3C, section 4.1). */
async function firstPaint(page: Page, path: string | Promise<string>): Promise<number> {
  await page.goto(`${service.url}${await path}`, { waitUntil: 'load' })
  return await page.evaluate<number>(`new Promise((resolve) => {
    const look = () => {
      const [entry] = performance.getEntriesByName('first-contentful-paint')
      if (entry) resolve(entry.startTime)
      else requestAnimationFrame(look)
    }
    look()
  })`)
}

/** The list as it is read backwards from its last row. */
async function beforeTheEnd(page: Page, path: string): Promise<string> {
  end ??= await lastPlace(page)
  return `${path}${encodeURIComponent(end)}`
}

/** The first page in the other direction is the last one; what it tells of the way back leads before it. */
async function lastPlace(page: Page): Promise<string> {
  await page.goto(`${service.url}/admin/migrations?descending=yes`)
  const next = await page.locator('a[rel=next]').getAttribute('href')
  return new URL(next ?? '', service.url).searchParams.get('after') ?? ''
}

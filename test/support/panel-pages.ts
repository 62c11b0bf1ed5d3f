import type { Page } from 'playwright-core'
import { TROUBLED } from './installation.ts'
import { button, heading, link, notice } from './panel.ts'

/** How to come to each page that an owner sees. */
export const PAGES: Readonly<Record<string, (page: Page, url: string) => Promise<unknown>>> = {
  overview: (page, url) => page.goto(`${url}/admin`),
  migrations: (page, url) => page.goto(`${url}/admin/migrations`),
  'no migration that matches': (page, url) => page.goto(`${url}/admin/migrations?search=nobody-at-all`),
  'a migration': (page, url) => page.goto(`${url}/admin/migrations/${TROUBLED}`),
  'finish by force': (page, url) => page.goto(`${url}/admin/migrations/${TROUBLED}/force`),
  'many at once': async (page, url) => {
    await page.goto(`${url}/admin/migrations?state=synced`)
    await page.getByLabel('What to do').selectOption('Pause')
    await page.getByRole('button', { name: /^With all/ }).click()
    await heading(page, /^Pause: /).waitFor()
  },
  import: (page, url) => page.goto(`${url}/admin/import`),
  'import, looked at first': async (page, url) => {
    await page.goto(`${url}/admin/import`)
    const buffer = Buffer.from('address\nnew@kontor.example\nnobody\n')
    await page.getByLabel('CSV file').setInputFiles({ name: 'people.csv', mimeType: 'text/csv', buffer })
    await button(page, 'Read the file').click()
    await heading(page, 'What the file would do').waitFor()
  },
  providers: (page, url) => page.goto(`${url}/admin/providers`),
  'a provider': (page, url) => page.goto(`${url}/admin/providers/kontor`),
  'a connection test': async (page, url) => {
    await page.goto(`${url}/admin/providers/kontor`)
    await button(page, 'Test connection').click()
    await notice(page).waitFor()
  },
  'a new provider': (page, url) => page.goto(`${url}/admin/new-provider`),
  'a new provider with mistakes': async (page, url) => {
    await page.goto(`${url}/admin/new-provider`)
    await page.getByLabel('Name').fill('a name with blanks')
    await page.getByLabel('Host').fill('https://old.example')
    await button(page, 'Add').click()
    await notice(page).waitFor()
  },
  audit: (page, url) => page.goto(`${url}/admin/audit`),
  aliases: (page, url) => page.goto(`${url}/admin/aliases`),
  administrators: (page, url) => page.goto(`${url}/admin/administrators`),
  account: (page, url) => page.goto(`${url}/admin/account`),
  'no such page': (page, url) => page.goto(`${url}/admin/nowhere`),
  'what cannot be done': async (page, url) => {
    await page.goto(`${url}/admin/providers/kontor`)
    await button(page, 'Remove kontor').click()
    await heading(page, 'That cannot be done now').waitFor()
    await link(page, 'To the overview').waitFor()
  },
}

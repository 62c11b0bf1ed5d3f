import type { BrowserContextOptions, Page } from 'playwright-core'
import { button, heading, notice, section } from '../support/panel.ts'
import { CLARA } from './world.ts'

export interface Picture {
  readonly name: string
  readonly profile: BrowserContextOptions
  open(page: Page, url: string): Promise<unknown>
}

const WIDE = { viewport: { width: 1440, height: 900 } }
const DARK = { ...WIDE, colorScheme: 'dark' } as const
const LOW = { viewport: { width: 1180, height: 720 } }
const PHONE = { viewport: { width: 390, height: 844 } }

export const PICTURES: readonly Picture[] = [
  { name: 'overview', profile: WIDE, open: overview },
  { name: 'overview-dark', profile: DARK, open: overview },
  { name: 'overview-phone', profile: PHONE, open: overview },
  {
    name: 'migration',
    profile: { viewport: { width: 1180, height: 880 } },
    async open(page, url) {
      await page.goto(`${url}/admin/migrations/${CLARA[0]}`)
      await section(page, 'Ledger').evaluate((one) => one.scrollIntoView())
    },
  },
  { name: 'migrations', profile: LOW, open: (page, url) => page.goto(`${url}/admin/migrations?state=failed`) },
  { name: 'providers', profile: WIDE, open: (page, url) => page.goto(`${url}/admin/providers`) },
  {
    name: 'connection-test',
    profile: WIDE,
    async open(page, url) {
      await page.goto(`${url}/admin/providers/kontor`)
      await button(page, 'Test connection').click()
      await notice(page).waitFor()
    },
  },
  {
    name: 'import',
    profile: WIDE,
    async open(page, url) {
      await page.goto(`${url}/admin/import`)
      const lines = [
        'address',
        'nora.alt@kontor.example',
        'nobody',
        'otto.alt@elsewhere.example',
        'pia.alt@kontor.example',
      ]
      const file = { name: 'people.csv', mimeType: 'text/csv', buffer: Buffer.from(lines.join('\n')) }
      await page.getByLabel('CSV file').setInputFiles(file)
      await button(page, 'Read the file').click()
      await heading(page, 'What the file would do').waitFor()
    },
  },
]

async function overview(page: Page, url: string): Promise<void> {
  await page.goto(`${url}/admin`)
  await page.getByRole('row').filter({ hasText: 'weber' }).filter({ hasText: 'well' }).first().waitFor()
}

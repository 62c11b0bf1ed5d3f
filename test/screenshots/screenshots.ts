import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { startChromium } from '../support/browser.ts'
import { OWNER, signedIn } from '../support/panel.ts'
import { PICTURES } from './pictures.ts'
import { startWorld } from './world.ts'

// Pictures of the panel for the README and for whoever wants more: docs/*.png.

const DOCS = join(import.meta.dirname, '../../docs')

mkdirSync(DOCS, { recursive: true })
await using world = await startWorld()
const { url } = world.service
await using chromium = await startChromium(url)
for (const { name, profile, open } of PICTURES) {
  const context = await chromium.profile(profile)
  const page = await signedIn(context, url, OWNER)
  await open(page, url)
  await page.screenshot({ path: join(DOCS, `${name}.png`), animations: 'disabled' })
  console.log(`docs/${name}.png`)
  await context.close()
}

import type { Page } from 'playwright-core'
import t from 'tap'
import { startChromium } from '../support/browser.ts'
import { mustRun, startFerry } from '../support/ferry.ts'
import { addAdministrators, heading, notice, OWNER, section } from '../support/panel.ts'

const ANNA = ['anna@old.example', 'Correct-Horse-9'] as const
const BEN = ['ben@old.example', 'secret of ben'] as const

const all = new AsyncDisposableStack()
t.teardown(() => all.disposeAsync())
const { service } = all.use(await startFerry(Object.fromEntries([ANNA, BEN])))
await addAdministrators(service, OWNER)
await service.passdb(...ANNA)
const chromium = all.use(await startChromium(service.url))
const page = await (await chromium.profile()).newPage()
const { keyboard } = page

t.test('who has no mouse signs in, and is told what went wrong', async (t) => {
  await page.goto(`${service.url}/admin`)
  await tabTo(page, 'Name')
  await keyboard.type(OWNER.name)
  await tabTo(page, 'Password')
  await keyboard.type('a wrong one')
  await keyboard.press('Enter')
  await page.getByRole('alert').waitFor()
  t.equal(await page.getByLabel('Name').inputValue(), OWNER.name, 'the name need not be typed again')
  await tabTo(page, 'Password')
  await keyboard.type(OWNER.password)
  await keyboard.press('Enter')
  await heading(page, 'Overview').waitFor()
})

t.test('the first key leads past what is the same on every page', async (t) => {
  await keyboard.press('Tab')
  t.equal(await focused(page), 'To the content')
  await keyboard.press('Enter')
  t.equal(await page.evaluate('document.activeElement.id'), 'content')
})

t.test('the focus stays where it is while the page changes', async (t) => {
  await tabTo(page, '1 pending')
  await service.passdb(...BEN)
  await page.getByRole('link', { name: '2 pending' }).waitFor()
  t.equal(await focused(page), '2 pending')
  await keyboard.press('Enter')
  await heading(page, 'Migrations').waitFor()
})

t.test('everything on every page is reached, and can be seen when it is', async (t) => {
  const person = `/admin/migrations/${ANNA[0]}`
  const pages = ['', '/migrations', '/import', '/providers', '/providers/old', '/new-provider', '/audit', '/settings']
  for (const path of [...pages.map((one) => `/admin${one}`), '/admin/administrators', '/admin/account', person]) {
    await page.goto(`${service.url}${path}`)
    if (path === '/admin') await page.getByText('Each old server, and who waits for it').waitFor()
    await page.evaluate(`for (const one of document.querySelectorAll('details')) one.open = true`)
    const wanted = (await page.evaluate(`[...document.querySelectorAll(${JSON.stringify(USABLE)})].length`)) as number
    await page.evaluate(`globalThis.reached = new Set(); globalThis.unseen = []; 0`)
    for (let presses = 0; presses <= wanted; presses++) {
      await keyboard.press('Tab')
      await page.evaluate(NOTE)
    }
    const { missed, unseen } = (await page.evaluate(RESULT)) as { missed: string[]; unseen: string[] }
    t.same({ missed, unseen }, { missed: [], unseen: [] }, path)
  }
})

t.test('many are chosen and changed by keys alone', async (t) => {
  await page.goto(`${service.url}/admin/migrations`)
  await tabTo(page, 'Select all on this page')
  await keyboard.press('Space')
  t.ok(await page.getByLabel(BEN[0], { exact: true }).isChecked())
  await tabTo(page, 'What to do')
  await keyboard.type('Pause')
  await tabTo(page, 'With the selected ones…')
  await keyboard.press('Enter')
  await heading(page, 'Pause: 2 of 2 migrations').waitFor()
  await tabTo(page, 'Pause: 2 migrations')
  await keyboard.press('Enter')
  await notice(page).filter({ hasText: 'Pause: 2 of 2 migrations.' }).waitFor()
})

t.test('what is folded is opened, filled in and sent by keys alone', async () => {
  await page.goto(`${service.url}/admin/migrations/${ANNA[0]}`)
  await tabTo(page, 'Resume')
  await keyboard.press('Space')
  await notice(page).filter({ hasText: 'is pending now' }).waitFor()
  await page.goto(`${service.url}/admin/providers/old`)
  await tabTo(page, 'Trial sign-in')
  await keyboard.press('Enter')
  await tabTo(page, 'User name on the old server')
  await keyboard.type(BEN[0])
  await tabTo(page, 'Password')
  await keyboard.type(BEN[1])
  await keyboard.press('Enter')
  await notice(page).filter({ hasText: 'lets this person in' }).waitFor()
  await mustRun(service, 'migration', 'show', BEN[0])
  await section(page, 'Settings').waitFor()
})

const USABLE =
  'a[href], button:enabled:not([hidden]), input:enabled:not([type=hidden]), select, textarea, summary, [tabindex="0"]'
const NOTE = `{
  const one = document.activeElement
  globalThis.reached.add(one)
  const { outlineStyle, outlineWidth } = getComputedStyle(one)
  const { width, height, bottom, top } = one.getBoundingClientRect()
  const isSeen = outlineStyle !== 'none' && parseFloat(outlineWidth) >= 2 && width > 0 && height > 0 && bottom > 0 && top < innerHeight
  if (one !== document.body && !isSeen) globalThis.unseen.push(one.outerHTML.slice(0, 200))
}`
const RESULT = `({
  missed: [...document.querySelectorAll(${JSON.stringify(USABLE)})].filter((one) => !globalThis.reached.has(one)).map((one) => one.outerHTML.slice(0, 200)),
  unseen: globalThis.unseen,
})`

/** Presses Tab until what is called so has the focus. @throws when it is not reached */
async function tabTo(page: Page, name: string): Promise<void> {
  const passed: string[] = []
  for (let presses = 0; presses < 120; presses++) {
    const here = await focused(page)
    if (here === name) return
    passed.push(here)
    await page.keyboard.press('Tab')
  }
  throw new Error(`${name} is not reached by Tab: ${passed.join(', ')}`)
}

/** What has the focus is called. */
async function focused(page: Page): Promise<string> {
  return (await page.evaluate(`{
    const one = document.activeElement
    const label = one.labels?.[0]?.textContent ?? one.getAttribute('aria-label') ?? one.innerText ?? ''
    label.replace(/\\s+/g, ' ').trim()
  }`)) as string
}

t.end()

import t from 'tap'
import { startChromium } from '../support/browser.ts'
import { mustRun } from '../support/ferry.ts'
import { fillInstallation, TROUBLED } from '../support/installation.ts'
import { addAdministrators, button, heading, link, notice, OWNER, section, signedIn } from '../support/panel.ts'
import { query } from '../support/query.ts'
import { startService } from '../support/service.ts'

const PHONE = { width: 390, height: 844 }

const all = new AsyncDisposableStack()
t.teardown(() => all.disposeAsync())
const service = all.use(await startService())
for (const name of ['kontor', 'weber'])
  await mustRun(service, 'provider', 'add', name, '--host', '127.0.0.1', '--port', '9')
await fillInstallation(service, ['kontor', 'weber'], 400)
await addAdministrators(service, OWNER)
const [failing] = (
  await query(
    service.dataDir,
    `select id, address from migration where state = 'pending' and code is null order by address`,
  )
).rows
await query(
  service.dataDir,
  `insert into attempt (migration_id, host, started_at, ended_at, outcome)
    values ($1, 'mail1', now() - interval '2 minutes', now() - interval '1 minute', 'old-timeout')`,
  [failing.id],
)
await query(
  service.dataDir,
  `update job set failures = 3, due_at = now() + interval '10 minutes' where migration_id = $1`,
  [failing.id],
)
const chromium = all.use(await startChromium(service.url))
const page = await signedIn(await chromium.profile(), service.url, OWNER)
const at = (path: string) => page.goto(`${service.url}${path}`)

t.test('reasons are chosen from a list with their counts, and stand in the address', async (t) => {
  await at('/admin/migrations')
  const choice = page.getByLabel('What stops them')
  const titles = await choice.locator('option').allInnerTexts()
  const [title = ''] = titles.filter((one) => one.startsWith('credential-refused'))
  const counted = Number(/\((\d+)\)/.exec(title)?.[1])
  t.ok(counted > 1, title)
  await choice.selectOption('credential-refused')
  await button(page, 'Show').click()
  await page.getByText(`${counted} migrations`, { exact: true }).waitFor()
  t.match(page.url(), /code=credential-refused/)
})

t.test('whose last attempt failed is seen in the list, with the time of the next', async () => {
  await at(`/admin/migrations?search=${failing.address}`)
  const row = page.getByRole('row').filter({ hasText: failing.address })
  await row
    .filter({ hasText: 'old-timeout' })
    .filter({ hasText: /in \d+ minutes/ })
    .waitFor()
})

t.test('who was selected stays selected on the other pages, and is counted', async (t) => {
  await at('/admin/migrations?limit=20')
  const boxes = page.locator('input[name=address]')
  const first = await boxes.nth(0).getAttribute('value')
  for (const number of [0, 1]) await boxes.nth(number).check()
  await page.getByText('2 selected').waitFor()
  await page.getByRole('link', { name: 'Next' }).click()
  await page.getByText('2 selected, 2 of them on other pages').waitFor()
  await boxes.nth(3).check()
  await page.getByRole('link', { name: 'First' }).click()
  await page.getByText('3 selected, 1 of them on other pages').waitFor()
  t.equal(await page.getByLabel(first ?? '', { exact: true }).isChecked(), true)
  await page.getByLabel('What to do').selectOption('Pause')
  await button(page, 'With the selected ones…').click()
  await heading(page, /^Pause: \d of 3 migrations$/).waitFor()
  await at('/admin/migrations?limit=20')
  await page.getByText('0 selected').waitFor()
  await page.getByLabel('Select all on this page').check()
  await page.getByText('20 selected').waitFor()
  await button(page, 'Select nobody').click()
  await page.getByText('0 selected').waitFor()
})

t.test('a slash leads to the search, and is a slash in a field', async (t) => {
  await at('/admin/audit')
  await page.keyboard.press('/')
  await page.keyboard.type('greta/')
  await page.keyboard.press('Enter')
  await heading(page, 'Migrations').waitFor()
  t.match(page.url(), /\/admin\/migrations\?search=greta%2F/)
})

t.test('one alone who matches is who was meant, by words in any order', async (t) => {
  await at('/admin/audit')
  const find = page.getByRole('searchbox', { name: 'Find people' })
  await find.fill(` ${failing.address} `)
  await find.press('Enter')
  await heading(page, failing.address).waitFor()
  const [first, last] = failing.address.split(/[.@]/)
  await at(`/admin/migrations?search=${last}+${first}`)
  await page.getByRole('row').filter({ hasText: failing.address }).waitFor()
  t.equal(await page.getByRole('row').filter({ hasNotText: first }).count(), 1, 'the head')
})

t.test('what is the matter stands on top of every page, and goes when it is mended', async (t) => {
  await at('/admin/audit')
  const alarm = page.getByRole('complementary', { name: 'What needs you' })
  await alarm.getByText('No "postferry sync" runs').waitFor()
  await alarm.getByText(/people cannot go on before somebody acts/).waitFor()
  await alarm.getByRole('link', { name: 'See what to do' }).click()
  await heading(page, 'Overview').waitFor()
  t.equal(await alarm.count(), 0, 'the overview says all of it')
})

t.test('an alias is added and removed', async () => {
  await at('/admin/aliases')
  await page.getByText('There is none.').waitFor()
  await page.getByLabel('Alias', { exact: true }).fill('sales@kontor.example')
  await page.getByLabel('Its mail goes to').fill(`${failing.address}\nnobody@elsewhere.example`)
  await button(page, 'Add the alias').click()
  await notice(page).filter({ hasText: 'Nothing is known here of nobody@elsewhere.example' }).waitFor()
  await page
    .getByRole('row')
    .filter({ hasText: `${failing.address}, nobody@elsewhere.example` })
    .waitFor()
  await button(page, 'Remove sales@kontor.example').click()
  await notice(page).filter({ hasText: 'Mail for sales@kontor.example does not go to' }).waitFor()
  await page.getByText('There is none.').waitFor()
})

t.test(
  'a wave is stopped with one click of the board, and begins on a page that tells first whom it is about',
  async (t) => {
    await query(
      service.dataDir,
      `update provider set cutover = 'proxied', flip = 'manual', engine = 'doveadm' where name = 'weber'`,
    )
    const { rows } = await query(
      service.dataDir,
      `update migration set route = 'source', flip_requested_at = now()
      where state = 'synced' and provider_id = (select id from provider where name = 'weber') returning address`,
    )
    await at('/admin')
    const wave = section(page, 'Flips').getByRole('row').filter({ hasText: 'weber' })
    await wave.getByText(`${rows.length} people to be flipped`).waitFor()
    await wave.getByRole('button', { name: 'Stop' }).click()
    await notice(page)
      .filter({ hasText: `${rows.length} requests are taken back` })
      .waitFor()
    await wave.getByRole('button', { name: `Flip ${rows.length}…` }).click()
    await heading(page, `Flip: ${rows.length} of ${rows.length} migrations`).waitFor()
    const [{ address = '' } = {}] = rows
    await at(`/admin/migrations/${address}`)
    await section(page, 'State').getByText('Works on the old server').waitFor()
    await section(page, 'Flip').getByRole('button', { name: 'Flip', exact: true }).click()
    await notice(page).filter({ hasText: 'comes to the new server as soon as the mirror is ready' }).waitFor()
    await section(page, 'State').getByText('flip requested').waitFor()
    await at('/admin/migrations?flip_requested=yes&route=source')
    t.equal(await page.locator('input[name=address]').count(), 1)
  },
)

t.test('how far a running copy is stands on the board, in the list and on the page of its person', async () => {
  const progress = {
    ...{ step: 'copying', folder: 3, folders: 9, messages: 17_061, ofMessages: 20_000, bytes: 8.1e8, ofBytes: 1.1e9 },
    ...{ messagesPerSecond: 88, bytesPerSecond: 4.1e6, secondsLeft: 71 },
  }
  const [running] = (
    await query(
      service.dataDir,
      `update job set holder = gen_random_uuid(), leased_until = now() + interval '1 hour', claimed_at = now() - interval '4 minutes'
        where migration_id = (select id from migration where state = 'pending' and code is null and id <> $1 limit 1)
        returning migration_id, (select address from migration where id = migration_id) as address`,
      [failing.id],
    )
  ).rows
  await query(
    service.dataDir,
    `insert into attempt (migration_id, host, started_at, messages, progress)
      values ($1, 'mail1', now() - interval '200 seconds', 17061, $2)`,
    [running.migration_id, JSON.stringify(progress)],
  )
  const words = 'folder 3 of 9, 17,061 of 20,000 messages, 810 MB of 1.1 GB, 88/s, 4.1 MB/s, 71 s left'
  await at('/admin')
  await section(page, 'Copying now').getByRole('row').filter({ hasText: running.address }).getByText(words).waitFor()
  await page.getByText('4.1 MB/s').first().waitFor()
  await at(`/admin/migrations?search=${running.address}`)
  await page
    .getByRole('row')
    .filter({ hasText: running.address })
    .filter({ hasText: /8\d\/s/ })
    .waitFor()
  await at(`/admin/migrations/${running.address}`)
  await section(page, 'State').getByText(words).waitFor()
  await section(page, 'State').getByRole('progressbar', { name: 'Copied' }).waitFor()
})

t.test('the head of a long list stays in sight', async (t) => {
  await at('/admin/migrations')
  const head = page.getByRole('columnheader', { name: 'State' })
  const list = page.locator('.list .scroll')
  await list.evaluate((list) => list.scrollTo(0, 2_000))
  t.ok(await list.evaluate((list) => list.scrollTop > 500))
  t.equal(Math.round((await head.boundingBox())?.y ?? 0), Math.round((await list.boundingBox())?.y ?? -1))
})

t.test('on a phone the state is seen beside the address', async (t) => {
  const phone = await signedIn(await chromium.profile({ viewport: PHONE }), service.url, OWNER)
  await phone.goto(`${service.url}/admin/migrations`)
  const box = await phone.locator('td .badge').first().boundingBox()
  t.ok(box !== null && box.x >= 0 && box.x + box.width <= PHONE.width, JSON.stringify(box))
})

t.test('a person’s page tells the failing attempt and the next one first, and what to try in its order', async (t) => {
  await at(`/admin/migrations/${failing.address}`)
  const state = section(page, 'State')
  await state.getByText('the old server does not answer in time').waitFor()
  await state.getByText(/in \d+ minutes, after 3 failures in a row/).waitFor()
  await at(`/admin/migrations/${TROUBLED}`)
  const tries = await section(page, 'What to try').locator('button, a.button').allInnerTexts()
  t.same(tries, ['See what differs', 'Try now'])
  await query(service.dataDir, `update migration set state = 'failed', code = 'new-full' where address = $1`, [
    TROUBLED,
  ])
  await section(page, 'State').getByText('no room on the new server').waitFor()
  await section(page, 'What to try').getByRole('button', { name: 'Set quota' }).waitFor()
})

t.test('what somebody types is not taken away by what is new', async (t) => {
  const reason = section(page, 'What to try').getByLabel('Reason, for the audit').last()
  await reason.fill('there is room now')
  await query(service.dataDir, `update migration set code = 'old-shrunk' where address = $1`, [TROUBLED])
  await section(page, 'State').getByText('suddenly holds much less mail').waitFor()
  await page.waitForResponse((response) => response.url().endsWith('/actions'))
  await page.waitForResponse((response) => response.url().endsWith('/actions'))
  t.equal(await reason.inputValue(), 'there is room now')
  await section(page, 'What to try').getByRole('button', { name: 'Try now' }).click()
  await notice(page).filter({ hasText: 'is pending now' }).waitFor()
  await section(page, 'Audit').getByRole('row').filter({ hasText: 'there is room now' }).waitFor()
  await link(page, 'Overview').click()
})

t.end()

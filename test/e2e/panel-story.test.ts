import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import t from 'tap'
import { startChromium } from '../support/browser.ts'
import { startNew } from '../support/destination.ts'
import { mustRun, rows } from '../support/ferry.ts'
import { addAdministrators, button, fact, heading, link, notice, OWNER, section, signedIn } from '../support/panel.ts'
import { startRelay } from '../support/relay.ts'
import { seed } from '../support/seed.ts'
import { startService } from '../support/service.ts'
import { signIn } from '../support/sign-in.ts'
import { startSource } from '../support/source-server.ts'
import { startSync } from '../support/sync.ts'

const ANNA = ['anna@old.example', 'Correct-Horse-9'] as const

const homes = mkdtempSync(join(tmpdir(), 'postferry-homes-'))
chmodSync(homes, 0o755)
const all = new AsyncDisposableStack()
t.teardown(async () => {
  await all.disposeAsync()
  rmSync(homes, { recursive: true })
})
const old = all.use(await startSource({ people: Object.fromEntries([ANNA]) }))
await seed(old.port, ANNA, 60)
const service = all.use(await startService({ POSTFERRY_HOME: `${homes}/%d/%n` }))
const dovecot = all.use(await startNew({ passdb: 'lua', url: service.url, token: service.token, homeRoot: homes }))
await addAdministrators(service, OWNER)
const chromium = all.use(await startChromium(service.url))
const page = await signedIn(await chromium.profile(), service.url, OWNER)

t.test('a new installation says what to do first', async () => {
  await heading(page, 'No migrations yet').waitFor()
  await link(page, 'Add the old server').click()
  await heading(page, 'Add an old server').waitFor()
})

// The source without TLS, far away, and in words of its own.
const farAway = all.use(await startRelay(old.port, inOwnWords, 1_000))

t.test('a wrong field is told beside it, and nothing of what was typed is lost', async (t) => {
  await page.getByLabel('Name').fill('old')
  await page.getByLabel('Host').fill('imaps://imap.old.example')
  await page.getByLabel('Protection').selectOption('none')
  await page.getByLabel('Port', { exact: true }).fill(`${farAway.port}`)
  await page.getByText('How mail is copied').click()
  await page.getByLabel('Folders to leave out').fill('Junk\nTrash/*')
  await page.getByLabel('Reason').fill('the move of 2026')
  await button(page, 'Add').click()
  await notice(page).filter({ hasText: 'Nothing is saved yet' }).waitFor()
  const host = page.getByLabel('Host')
  t.equal(await host.getAttribute('aria-invalid'), 'true')
  const described = (await host.getAttribute('aria-describedby')) ?? ''
  const told = await page.locator(`#${described.split(' ').at(-1)}`).innerText()
  t.match(told, /must be a DNS name/)
  t.equal(await page.locator('[aria-invalid]').count(), 1, 'and beside no other')
  t.equal(await host.inputValue(), 'imaps://imap.old.example')
  t.equal(await page.getByLabel('Protection').inputValue(), 'none')
  t.equal(await page.getByLabel('Port', { exact: true }).inputValue(), `${farAway.port}`)
  t.equal(await page.getByLabel('Folders to leave out').inputValue(), 'Junk\nTrash/*')
  t.equal(await page.getByLabel('Reason').inputValue(), 'the move of 2026')
  await host.fill('localhost')
  await button(page, 'Add').click()
  await notice(page).filter({ hasText: 'old is added' }).waitFor()
  t.match(
    await rows(service, 'provider', 'show', 'old'),
    { tls_min: '1.2', mx_tls: 'verified', cutover: 'immediate', engine: 'auto' },
    'what nobody chose is as by default',
  )
})

t.test('the connection test shows each step as it is taken, and learns how the old server refuses', async (t) => {
  await section(page, 'Try it').getByText('not known yet how it refuses').waitFor()
  await button(page, 'Test connection').click({ noWaitAfter: true })
  await step(page, 'Name').waitFor()
  t.equal(await step(page, 'Refusal').count(), 0, 'the first step is there before the last')
  t.equal(await page.evaluate('document.readyState'), 'loading')
  await step(page, 'Refusal').filter({ hasText: 'learned: it refuses with "Nix da."' }).waitFor()
  await notice(page).filter({ hasText: 'The old server can be used.' }).waitFor()
  t.same(await page.getByRole('listitem').filter({ hasText: /^ok/ }).count(), 6)
  await link(page, 'Back to old').click()
  await section(page, 'Try it').getByText('It refuses a password with “Nix da.”').waitFor()
})

const slow = all.use(await startRelay(old.tlsPort, undefined, 50))

t.test('a step that fails says what to do; the provider is changed until it can be used', async () => {
  const settings = section(page, 'Settings')
  const confirm = async () => {
    await settings.getByText('When host, port, protection or certificate change').click()
    await settings.getByLabel('Your current password').fill(OWNER.password)
  }
  await settings.getByLabel('Protection').selectOption('implicit')
  await settings.getByLabel('Port', { exact: true }).fill(`${slow.port}`)
  await confirm()
  await button(page, 'Save').click()
  await notice(page).filter({ hasText: 'old is changed' }).waitFor()
  await button(page, 'Test connection').click()
  await step(page, 'Certificate').filter({ hasText: 'failed' }).filter({ hasText: 'What to do:' }).waitFor()
  await notice(page).filter({ hasText: 'cannot be used as it is: certificate failed' }).waitFor()
  await link(page, 'Back to old').click()
  await settings.getByText('Whose certificate is trusted').click()
  await settings.getByLabel('CA file').fill(old.ca)
  await confirm()
  await button(page, 'Save').click()
  await button(page, 'Test connection').click()
  await notice(page).filter({ hasText: 'The old server can be used.' }).waitFor()
})

t.test('a trial sign-in tells what the old server says, and stores nothing', async () => {
  await link(page, 'Back to old').click()
  const trial = async (password: string, said: RegExp) => {
    await page.getByText('Trial sign-in').click()
    await page.getByLabel('User name on the old server').fill(ANNA[0])
    await page.getByLabel('Password', { exact: true }).fill(password)
    await button(page, 'Sign in').click()
    await notice(page).filter({ hasText: said }).waitFor()
  }
  await trial('not hers', /refuses this user name or password; nothing was stored/)
  await trial(ANNA[1], /lets this person in; nothing was stored/)
  await link(page, 'Migrations').click()
  await page.getByText('No migrations yet').waitFor()
})

t.test('a domain is added, and who signs in at the new server appears without a reload', async (t) => {
  await link(page, 'Providers').click()
  await page.getByLabel('Domain on the old server').fill('old.example')
  await button(page, 'Add the domain').click()
  await notice(page).filter({ hasText: 'The people of old.example can sign in now.' }).waitFor()
  await link(page, 'Overview').click()
  await heading(page, 'No migrations yet').waitFor()
  const isSame = await marked(page)
  t.match(await signIn(dovecot.port, ...ANNA), /^OK /)
  await link(page, /^1 pending/).waitFor()
  t.ok(await isSame(), 'it is the page that was there before')
})

t.test('her page follows the copy, from the first message to the clean ledger', async (t) => {
  await link(page, /^1 pending/).click()
  await link(page, ANNA[0]).click()
  await section(page, 'State').getByText('pending').waitFor()
  const isSame = await marked(page)
  // doveadm would have copied them before the page looks again.
  await mustRun(service, 'provider', 'set', 'old', '--engine', 'offlineimap')
  const sync = startSync(service)
  all.defer(() => stop(sync))
  await section(page, 'State')
    .getByText(/folder \d+ of \d+|copying [1-9]\d* messages so far/)
    .waitFor()
  await section(page, 'State').getByText('synced').waitFor()
  t.ok(await isSame())
  await page.reload()
  await fact(page, 'Result').filter({ hasText: 'clean' }).waitFor()
  t.equal(await section(page, 'Attempts').getByRole('cell', { name: '120', exact: true }).count(), 1)
})

t.test('finishing says what it will do, is done by the worker, and erases the credential', async (t) => {
  t.equal(await section(page, 'Kept password').getByText('Sealed to').count(), 1)
  const action = page.locator('form', { has: button(page, 'Finish') })
  await action.getByText('the kept password is erased').waitFor()
  await action.getByLabel('Reason').fill('she has seen her mail')
  await button(page, 'Finish').click()
  await notice(page).filter({ hasText: 'will be finished after a last attempt' }).waitFor()
  const isSame = await marked(page)
  await section(page, 'State').getByText('done', { exact: true }).waitFor()
  t.ok(await isSame())
  await page.reload()
  await section(page, 'Kept password').getByText('No password is kept.').waitFor()
  const entry = section(page, 'Audit').getByRole('row').filter({ hasText: 'she has seen her mail' })
  await entry
    .filter({ hasText: `panel:${OWNER.name}` })
    .filter({ hasText: 'migration.request-finish' })
    .waitFor()
})

t.test('a file with a bad line is shown before it is imported, and without it', async (t) => {
  await link(page, 'Import').click()
  const lines = ['address,old_username,old_password', 'ben@old.example', 'cleo@elsewhere.example', 'dora@old.example']
  await page.getByLabel('CSV file').setInputFiles(file(lines))
  await button(page, 'Read the file').click()
  await heading(page, 'What the file would do').waitFor()
  const bad = section(page, 'Bad lines').getByRole('row').filter({ hasText: 'no provider serves its domain' })
  await bad.getByRole('cell', { name: '3', exact: true }).waitFor()
  t.match(await fact(page, 'Awaited').innerText(), /^2 people/)
  await page.getByLabel('Leave the 1 bad lines out').check()
  await button(page, 'Import').click()
  await notice(page).filter({ hasText: 'The users are imported.' }).waitFor()
  await link(page, 'Who is awaited').click()
  await link(page, 'ben@old.example').waitFor()
  await link(page, 'dora@old.example').waitFor()
  t.equal(await page.getByText('elsewhere.example').count(), 0)
})

t.test('many are changed at once, after a preview of what will happen', async (t) => {
  await page.getByLabel('State').selectOption('awaited')
  await page.getByLabel('Domain').fill('old.example')
  await button(page, 'Show').click()
  await page.getByText('2 migrations').waitFor()
  await page.getByLabel('Select all on this page').check()
  t.ok(await page.getByLabel('dora@old.example', { exact: true }).isChecked())
  await page.getByLabel('What to do').selectOption('Pause')
  await button(page, 'With the selected ones…').click()
  await heading(page, 'Pause: 2 of 2 migrations').waitFor()
  await page.getByText('No mail is copied until the migration is resumed').waitFor()
  await page.getByLabel('Reason').fill('the holidays')
  await button(page, 'Pause: 2 migrations').click()
  await notice(page).filter({ hasText: 'Pause: 2 of 2 migrations.' }).waitFor()
  await link(page, 'Overview').click()
  await link(page, /^2 paused/).click()
  await link(page, 'ben@old.example').click()
  await section(page, 'Audit').getByRole('row').filter({ hasText: 'the holidays' }).waitFor()
})

t.test('who signs out is out', async (t) => {
  await button(page, 'Sign out').click()
  await notice(page).filter({ hasText: 'You are signed out' }).waitFor()
  await page.goBack()
  await page.reload()
  await heading(page, 'postferry').waitFor()
  t.match(page.url(), /\/admin\/sign-in/)
})

function step(page: Page, title: string) {
  return page.getByRole('listitem').filter({ has: page.getByText(title, { exact: true }) })
}

/** Tells later whether the page is still the one that it is now. */
async function marked(page: Page): Promise<() => Promise<boolean>> {
  await page.evaluate('globalThis.isMarked = true')
  return async () => (await page.evaluate('globalThis.isMarked')) === true
}

function file(lines: readonly string[]) {
  return { name: 'people.csv', mimeType: 'text/csv', buffer: Buffer.from(`${lines.join('\n')}\n`) }
}

/** As servers refuse that know no response codes. */
function inOwnWords(data: Buffer): Buffer {
  return Buffer.from(data.toString('latin1').replace(/ NO \[AUTHENTICATIONFAILED\][^\r]*/, ' NO Nix da.'), 'latin1')
}

async function stop(sync: ReturnType<typeof startSync>): Promise<void> {
  sync.kill('SIGTERM')
  await sync.end
}

t.end()

import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { startChromium } from '../support/browser.ts'
import { mustRun } from '../support/ferry.ts'
import { addAdministrators, button, heading, link, notice, OWNER, section, signedIn } from '../support/panel.ts'
import { query } from '../support/query.ts'
import { startRelay } from '../support/relay.ts'
import { seed } from '../support/seed.ts'
import { startService } from '../support/service.ts'
import { startSource } from '../support/source-server.ts'
import { startSync } from '../support/sync.ts'

// A whole moving day, as the administrator sees it on the board: a rush, an old server that dies and comes back, and three
// people who are stuck, each helped by the click that the board offers.

const person = (name: string, domain: string) => [`${name}@${domain}`, `Old-password-of-${name}`] as const
const KONTOR = ['anna', 'ben', 'cleo', 'dora', 'emil'].map((name) => person(name, 'kontor.example'))
const WEBER = ['fred', 'gina'].map((name) => person(name, 'weber.example'))
const [ANNA, BEN, CLEO] = KONTOR as [(typeof KONTOR)[0], (typeof KONTOR)[0], (typeof KONTOR)[0]]

const homes = mkdtempSync(join(tmpdir(), 'postferry-homes-'))
chmodSync(homes, 0o755)
const all = new AsyncDisposableStack()
t.teardown(async () => {
  await all.disposeAsync()
  rmSync(homes, { recursive: true, force: true })
})
const kontor = all.use(await startSource({ people: Object.fromEntries(KONTOR) }))
const weber = all.use(await startSource({ people: Object.fromEntries(WEBER) }))
for (const one of KONTOR) await seed(kontor.port, one, 12)
for (const one of WEBER) await seed(weber.port, one, 12)
let wayToWeber = await startRelay(weber.port)
const weberPort = wayToWeber.port
all.defer(() => wayToWeber[Symbol.asyncDispose]())

const service = all.use(await startService({ POSTFERRY_HOME: `${homes}/%d/%n` }))
for (const [name, port] of Object.entries({ kontor: kontor.port, weber: weberPort })) {
  await mustRun(service, 'provider', 'add', name, '--host', 'localhost', '--port', `${port}`, '--tls', 'none')
  await mustRun(service, 'domain', 'add', `${name}.example`, '--provider', name)
}
const expected = [...KONTOR, ...WEBER].map(([address]) => `${address}\n`).join('')
await imported(`${expected}late@kontor.example\n`)
await addAdministrators(service, OWNER)
const chromium = all.use(await startChromium(service.url))
const page = await signedIn(await chromium.profile({ viewport: { width: 1440, height: 900 } }), service.url, OWNER)
const verdict = page.locator('.verdict')
const source = (name: string) => section(page, 'Old servers').getByRole('row').filter({ hasText: name })
const need = (code: string) => section(page, 'Needs you').getByRole('row').filter({ hasText: code })

t.test('before the first has come, nobody waits', async () => {
  await verdict.filter({ hasText: 'All is well, and nobody waits' }).waitFor()
  await source('kontor').filter({ hasText: 'well' }).waitFor()
})

t.test('in the rush the board says who waits, and that nobody copies', async () => {
  for (const [user, password] of KONTOR) await service.passdb(user, password)
  await verdict.filter({ hasText: 'It has stopped: no "postferry sync" runs, and 5 people wait for a copy' }).waitFor()
  await need('no-worker').filter({ hasText: 'systemctl start postferry-sync' }).waitFor()
})

t.test('once a worker runs, everybody comes across before the eyes of who looks', async (t) => {
  const sync = startSync(service, ['--slots', '2'])
  all.defer(async () => {
    sync.kill('SIGTERM')
    await sync.end
  })
  await page.getByText('5 of 8 people').waitFor()
  await page.getByText('5 in the last hour').first().waitFor()
  await verdict.filter({ hasText: 'All is well, and nobody waits' }).waitFor()
  t.equal(await need('no-worker').count(), 0)
})

t.test('an old server that dies is named, with those who wait for it', async () => {
  await wayToWeber[Symbol.asyncDispose]()
  // Their passwords are known, and their mail is still to be fetched.
  const file = WEBER.map(([user, password]) => `${user},,${password}\n`).join('')
  await imported(file)
  await verdict.filter({ hasText: 'weber does not answer' }).filter({ hasText: '2 people wait for a copy' }).waitFor()
  await source('weber').filter({ hasText: 'away' }).filter({ hasText: 'old-unreachable' }).waitFor()
  await section(page, 'Tried again by itself').getByRole('row').filter({ hasText: 'weber' }).waitFor()
})

t.test('when it is back, they come across', async () => {
  wayToWeber = await startRelay(weber.port, undefined, 0, weberPort)
  // Else their next attempts come in a minute.
  await link(page, 'weber').first().click()
  await button(page, 'Test connection').click()
  await notice(page).filter({ hasText: 'The old server can be used.' }).waitFor()
  await mustRun(service, 'migration', 'retry', '--all', '--provider', 'weber', '--state', 'pending')
  await link(page, 'Overview').click()
  await page.getByText('7 of 8 people').waitFor()
})

t.test('who is stuck for a password, a quota or a shrunken mailbox is helped by the click of the board', async () => {
  await kontor.setPassword(ANNA[0], 'Changed-over-there-1')
  await mustRun(service, 'account', 'quota', BEN[0], '1K')
  await seed(kontor.port, BEN, 3)
  await query(
    service.dataDir,
    `update migration set state = 'failed', code = 'old-shrunk', changed_at = now() where address = $1`,
    [CLEO[0]],
  )
  for (const [address] of [ANNA, BEN]) await mustRun(service, 'migration', 'retry', address)

  await need('credential-refused').getByRole('link', { name: 'Set the password' }).click()
  const password = page.locator('form', { has: button(page, 'Set password') })
  await password.getByLabel('Password on the old server').fill('Changed-over-there-1')
  await button(page, 'Set password').click()
  await notice(page).filter({ hasText: 'The old server accepts the password' }).waitFor()
  await section(page, 'State').getByText('synced', { exact: true }).waitFor()
  await link(page, 'Overview').click()

  await need('new-full').getByRole('link', { name: 'Set the quota' }).click()
  await page.getByLabel('Quota').fill('none')
  await button(page, 'Set quota').click()
  await notice(page).filter({ hasText: 'has no quota now' }).waitFor()
  await button(page, 'Try now').click()
  await section(page, 'State').getByText('synced', { exact: true }).waitFor()
  await link(page, 'Overview').click()

  await need('old-shrunk').getByRole('link', { name: 'Try now' }).click()
  await heading(page, CLEO[0]).waitFor()
  await section(page, 'What to try').getByRole('button', { name: 'Try now' }).click()
  await section(page, 'State').getByText('synced', { exact: true }).waitFor()
  await link(page, 'Overview').click()
})

t.test('at the end of the day nothing needs anybody', async (t) => {
  await section(page, 'Needs you').getByText('Nobody: nothing waits for you.').waitFor()
  await verdict.filter({ hasText: 'All is well, and nobody waits' }).waitFor()
  await page.getByText('7 of 8 people').waitFor()
  t.match(
    await mustRun(service, 'report', '--now'),
    /^All is well, and nobody waits\.\n7 of 8 people across, 7 in the last/,
  )
})

async function imported(file: string): Promise<void> {
  const { exitCode, stderr } = await service.run(['import', '-'], file)
  if (exitCode !== 0) throw new Error(stderr)
}

t.end()

import { chmodSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { moveProvider, mustRun, rows, startFerry } from '../support/ferry.ts'
import { type Relay, startRelay } from '../support/relay.ts'
import { seed } from '../support/seed.ts'
import { startSync } from '../support/sync.ts'
import { until } from '../support/until.ts'

const LIMIT = ['--time-limit', '1']
/** Each is at a server of its own, which is slow in its own way. */
const CHECKED = ['anna@check.example', 'Correct-Horse-9'] as const
const COPIED = ['ben@copy.example', 'secret of ben'] as const
const PROVED = ['cleo@ledger.example', 'secret of cleo'] as const
const people = [CHECKED, COPIED, PROVED] as const
const FEW = 4
/** So often a server speaks until somebody has signed in; the whole ledger is three or four answers more. */
const TO_SIGN_IN = 4
const MANY = 400

const homes = mkdtempSync(join(tmpdir(), 'postferry-homes-'))
chmodSync(homes, 0o755)
t.after(() => rmSync(homes, { recursive: true }))
const ferry = await startFerry(Object.fromEntries(people), { POSTFERRY_HOME: `${homes}/%d/%n` })
t.teardown(() => ferry[Symbol.asyncDispose]())
const { old, service } = ferry
for (const person of people) {
  const place = [providerOf(person[0]), '--host', 'localhost', '--port', `${old.tlsPort}`, '--ca-file', old.ca]
  await mustRun(service, 'provider', 'add', ...place)
  await mustRun(service, 'domain', 'add', domainOf(person[0]), '--provider', providerOf(person[0]))
  await service.passdb(person[0], person[1])
}
await seed(old.port, CHECKED, FEW)
await seed(old.port, COPIED, MANY, ['INBOX'])
await seed(old.port, PROVED, FEW)

const show = (address: string) => rows(service, 'migration', 'show', address)

t.test(
  'a source that is too slow for the status check, the copy or the ledger ends the attempt at its limit',
  async (t) => {
    await using check = await slowly(CHECKED[0], 16_000)
    await using copy = await slowly(COPIED[0], 250)
    let heard = 0
    await using ledger = await slowly(PROVED[0], 250, (data) => {
      heard++
      return data
    })
    const workers = people.map(([address]) => startSync(service, ['--account', address, ...LIMIT]))
    await until(() => ledger.connections() === 3, 'the status check, the copy and the ledger')
    const before = heard
    await until(() => heard > before + TO_SIGN_IN, 'the ledger’s sign-in')
    ledger.lose()
    for (const worker of workers) t.equal(await worker.end, 75, worker.stderr)
    const outcomes = workers.map(({ events }) => events[0]?.outcome)
    t.same(outcomes, ['old-timeout', 'timeout', 'timeout'])
    t.ok(check.connections() === 1 && copy.connections() === 2, 'each in its own part')
    const [looked, copied, proved] = people.map(([address]) => filesOf(address).length)
    t.match([looked, proved], [0, 2 * FEW], 'what was to be proved is across')
    t.ok(copied !== undefined && copied > 0 && copied < MANY, `${copied} until then`)
    for (const [at, [address]] of people.entries()) {
      t.match(await show(address), { state: 'pending', code: null, attempts: [{ outcome: outcomes[at] }] })
    }
  },
)

t.test('the next attempt goes on there: nothing is stuck, nothing comes twice', async (t) => {
  for (const [address] of people) {
    await moveProvider(service, providerOf(address), old.tlsPort)
  }
  await Promise.all(people.map(([address]) => mustRun(service, 'sync', '--account', address, ...LIMIT)))
  for (const [address] of people) {
    t.match(await show(address), {
      state: 'synced',
      ledger: { sentence: /clean/ },
      attempts: [{ outcome: 'complete' }],
    })
  }
  t.same(
    people.map(([address]) => filesOf(address).length),
    [2 * FEW, MANY, 2 * FEW],
  )
})

/** From now on what the person's server says arrives late. */
async function slowly(address: string, latencyMs: number, change?: (data: Buffer) => Buffer): Promise<Relay> {
  const relay = await startRelay(old.tlsPort, change, latencyMs)
  await moveProvider(service, providerOf(address), relay.port)
  return relay
}

function domainOf(address: string): string {
  return address.split('@')[1] ?? ''
}

function providerOf(address: string): string {
  return domainOf(address).split('.')[0] ?? ''
}

function filesOf(address: string): string[] {
  const maildir = join(homes, domainOf(address), address.split('@')[0] ?? '', 'Maildir')
  if (!existsSync(maildir)) return []
  return readdirSync(maildir, { recursive: true, encoding: 'utf8' }).filter((name) => /(^|\/)(cur|new)\/./.test(name))
}

t.end()

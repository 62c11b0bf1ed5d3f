import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { startDebianPostgres } from '../support/debian-postgres.ts'
import { mustRun, startFerry } from '../support/ferry.ts'
import { seed } from '../support/seed.ts'
import { type Answer, type RunningService, startService } from '../support/service.ts'
import { type Sync, startSync } from '../support/sync.ts'
import { startTurnstile } from '../support/turnstile.ts'
import { until } from '../support/until.ts'

/** So many connections the old server takes, and not one more. */
const MOST = 8
const COUNT = 120
/** So many sign in before the others, so that there is something to copy meanwhile. */
const EARLY = 24
const COPIES = 12
const BUSY = ['old-busy', 'throttled', 'database']
const people = Array.from({ length: COUNT }, (_, at) => [`p${at}@old.example`, `secret of ${at}`] as const)

const homes = mkdtempSync(join(tmpdir(), 'postferry-homes-'))
chmodSync(homes, 0o755)
t.after(() => rmSync(homes, { recursive: true }))
const all = new AsyncDisposableStack()
t.teardown(() => all.disposeAsync())
const postgres = all.use(await startDebianPostgres())
// What is guessed wrong here is no attack.
const settings = {
  ...{ DATABASE_URL: postgres.url, POSTFERRY_HOME: `${homes}/%d/%n` },
  ...{ POSTFERRY_LIMIT_PERSON: '0', POSTFERRY_LIMIT_CLIENT: '0', POSTFERRY_LIMIT_PROVIDER: '0' },
}
const ferry = all.use(await startFerry(Object.fromEntries(people), settings))
const { old, service } = ferry
const POSTFERRY_RECIPIENTS = readFileSync(join(service.dataDir, 'recipients'), 'utf8').trim()
const instances = [service]
while (instances.length < 3) instances.push(all.use(await startService({ ...settings, POSTFERRY_RECIPIENTS })))
const turnstile = all.use(await startTurnstile(old.tlsPort, MOST))
const place = ['--port', `${turnstile.port}`, '--max-connections', `${MOST}`]
await mustRun(service, 'provider', 'set', 'old', ...place)
for (const person of people.slice(0, EARLY)) await seed(old.port, person, 4)

const instanceOf = (number: number) => instances[number % instances.length] as RunningService

/** Signs in until the answer is one that counts; what was said before. */
async function signIn(number: number, password: string): Promise<{ last: Answer; before: string[] }> {
  const [user] = people[number] as (typeof people)[number]
  const before: string[] = []
  for (;;) {
    const last = await instanceOf(number + before.length).passdb(user, password)
    if (last.status !== 503) return { last, before }
    before.push(last.body.code)
  }
}

t.test('three instances, two workers and commands together never open one connection more than allowed', async (t) => {
  const early = people.slice(0, EARLY).map(([, password], number) => signIn(number, password))
  const workers = [startSync(service, ['--slots', '4']), startSync(service, ['--slots', '4'])] as const
  await Promise.all(early)
  await until(() => ended(...workers) > 0, 'something is copied')
  const others = people.slice(EARLY).map(([, password], at) => signIn(EARLY + at, password))
  const wrong = people.slice(0, 20).map((_, number) => signIn(COUNT - 1 - number, 'wrong'))
  const commands = [
    ...Array.from({ length: 3 }, () => service.run(['provider', 'test', 'old'])),
    service.run(['provider', 'test', 'old', '--sign-in', 'p0@old.example'], 'secret of 0\n'),
    service.run(['verify', 'p0@old.example']),
    service.run(['doctor']),
  ]
  const answers = await Promise.all([...early, ...others])
  t.equal(answers.filter(({ last }) => last.body.verdict === 'ok').length, COUNT, 'every right password is let in')
  const codes = new Set(answers.flatMap(({ before }) => before))
  for (const code of BUSY) codes.delete(code)
  t.same([...codes], [], 'at once, or is told to try again because there is so much to do')
  for (const { last } of await Promise.all(wrong)) t.equal(last.body.verdict, 'mismatch')
  await Promise.all(commands)
  await until(() => ended(...workers) >= COPIES, 'more is copied')
  for (const worker of workers) worker.kill('SIGTERM')
  for (const worker of workers) t.equal(await worker.end, 0, worker.stderr)
  t.match(turnstile.seen, { most: MOST, refused: 0 })
  const outcomes = new Set(workers.flatMap(({ events }) => events.map(({ outcome }) => outcome)))
  t.notOk(outcomes.has('old-unreachable'), 'no copy was refused either')
})

function ended(...workers: Sync[]): number {
  return workers.flatMap(({ events }) => events).filter(({ outcome }) => outcome === 'complete').length
}

t.end()

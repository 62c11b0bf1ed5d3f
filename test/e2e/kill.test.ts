import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import fc from 'fast-check'
import pg from 'pg'
import t, { type Test } from 'tap'
import { clusterFolder } from '../../src/db/embedded/cluster.ts'
import { startDebianPostgres } from '../support/debian-postgres.ts'
import { type Ferry, mustRun, startFerry } from '../support/ferry.ts'
import { until } from '../support/until.ts'

/** Sign-ins under way at each kill. */
const CROWD = 6
/** How many kills; the soak has more. */
const [KILLS, EMBEDDED_KILLS] = process.env.POSTFERRY_SOAK === undefined ? [10, 3] : [20, 5]

type Query = (text: string) => Promise<pg.QueryResult>

// Each row is written slowly, so that many kills come between two of them.
const SLOW = `
  create function slowly() returns trigger language plpgsql as $$
    begin perform pg_sleep(0.03 * random()); return new; end $$;
  create trigger slowly before insert on account for each row execute function slowly();
  create trigger slowly before insert on migration for each row execute function slowly();
  create trigger slowly before insert on credential for each row execute function slowly();
`
const HALVES = `
  select account.address, migration.id, sealed is not null as sealed from account
  full join migration on migration.account_id = account.id
  full join credential on credential.migration_id = migration.id
  where account.id is null or migration.id is null or sealed is null`

t.test('kill -9 at any moment of first sign-ins leaves all of a person or nothing', async (t) => {
  await using postgres = await startDebianPostgres()
  const { answered, unanswered } = await killOften(t, KILLS, { DATABASE_URL: postgres.url }, () => postgres.query)
  t.ok(answered > 0 && unanswered > 0, 'kills came before and after answers')
})

t.test('with the embedded server too, which lives on and is found again', async (t) => {
  const queryOf =
    ({ service }: Ferry): Query =>
    (text) =>
      onEmbedded(service.dataDir, text)
  await killOften(t, EMBEDDED_KILLS, {}, queryOf)
})

t.test('the connections that a killed service held are its own again when it starts', async (t) => {
  await using ferry = await startFerry({ 'anna@old.example': 'Right-1' })
  const { old, service } = ferry
  const silent = createServer().listen(0, '127.0.0.1')
  t.teardown(() => silent.close())
  await once(silent, 'listening')
  const { port } = silent.address() as AddressInfo
  await mustRun(service, 'provider', 'set', 'old', '--max-connections', '1', '--port', `${port}`)
  const unanswered = t.rejects(service.passdb('anna@old.example', 'Right-1'))
  await once(silent, 'connection')
  await service.stop('SIGKILL')
  await unanswered
  await mustRun(service, 'provider', 'set', 'old', '--port', `${old.tlsPort}`)
  await service.start()
  t.match(await service.passdb('anna@old.example', 'Right-1'), { status: 200 })
})

async function killOften(t: Test, kills: number, settings: NodeJS.ProcessEnv, queryOf: (ferry: Ferry) => Query) {
  const people = Array.from({ length: (1 + kills) * CROWD }, (_, number) => `person${number}@old.example`)
  const passwords = Object.fromEntries(people.map((person) => [person, `pw of ${person}`]))
  await using ferry = await startFerry(passwords, settings)
  const query = queryOf(ferry)
  const signIn = (person: string) => ferry.service.passdb(person, passwords[person] ?? '')
  // A busy machine may say "try again".
  const answerTo = (person: string) =>
    until(async () => {
      const { status } = await signIn(person)
      return status !== 503 && status
    }, `an answer to ${person}`)
  await query(SLOW)
  const seed = randomInt(2 ** 31)
  t.comment(`seed ${seed}`)
  const parts = fc.sample(fc.nat(1_000), { seed, numRuns: kills * (CROWD + 1) }).map((part) => part / 1_000)
  const part = () => parts.pop() ?? 0
  // How long a crowd takes on this machine.
  const startedAt = performance.now()
  await Promise.all(people.slice(0, CROWD).map(signIn))
  const usual = performance.now() - startedAt
  let [answered, unanswered] = [0, 0]

  for (let kill = 0; kill < kills; kill++) {
    const start = (1 + kill) * CROWD
    const welcomed: string[] = []
    const asked = people.slice(start, start + CROWD).map(async (person) => {
      await wait((part() * usual) / 2)
      const { status } = await signIn(person)
      if (status !== 200) throw new Error(`${person} was answered ${status}`)
      welcomed.push(person)
    })
    const settled = Promise.allSettled(asked)
    // Some come early and some late, wherever in their part of the time.
    await wait(((kill + part()) / kills) * usual * 1.6)
    await ferry.service.stop('SIGKILL')
    for (const outcome of await settled) {
      if (outcome.status === 'fulfilled') continue
      unanswered++
      // A busy machine may say "try again".
      t.notMatch(outcome.reason.message, /was answered (?!503)/)
    }
    await connectionsEnd(query)
    t.same((await query(HALVES)).rows, [], 'nobody is there by halves')
    const { rows } = await query('select address from account')
    t.same(
      welcomed.filter((person) => !rows.some(({ address }) => address === person)),
      [],
      'who was let in is there',
    )
    answered += welcomed.length
    await ferry.service.start()
    for (const person of welcomed) t.equal(await answerTo(person), 200, `${person} gets in again`)
  }
  t.comment(`${answered} were answered before their kill, ${unanswered} were not`)
  for (const status of await Promise.all(people.map(answerTo))) t.equal(status, 200, 'everybody gets in at last')
  t.equal((await query('select from account')).rowCount, people.length)
  t.same((await query(HALVES)).rows, [])
  return { answered, unanswered }
}

/** What the dead service has sent is still worked on for a moment. */
async function connectionsEnd(query: Query): Promise<void> {
  const open = () => query(`select from pg_stat_activity where application_name ~ '^postferry'`)
  await until(async () => (await open()).rowCount === 0, 'the connections of the killed service end')
}

async function onEmbedded(dataDir: string, text: string): Promise<pg.QueryResult> {
  const client = new pg.Client({ host: clusterFolder(dataDir), user: 'postferry', database: 'postferry' })
  await client.connect()
  return await client.query(text).finally(() => client.end())
}

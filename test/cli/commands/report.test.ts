import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { parse } from 'csv-parse/sync'
import pg from 'pg'
import t from 'tap'
import { openDatabase } from '../../../src/db/connection/database.ts'
import { openEmbedded } from '../../../src/db/embedded/postgres.ts'
import { reports } from '../../../src/db/reports.ts'
import { defused } from '../../../src/operations/csv-cell.ts'
import { COMPILED } from '../../support/compiled.ts'
import { type Ferry, mustRun, rows, startFerry } from '../../support/ferry.ts'
import { MAIN } from '../../support/program.ts'

const PEOPLE = Object.fromEntries('abcde'.split('').map((name) => [`${name}@old.example`, `pw of ${name}`]))
let ferry: Ferry
t.before(async () => {
  ferry = await startFerry(PEOPLE, COMPILED)
})
t.after(() => ferry[Symbol.asyncDispose]())

const report = (...options: string[]) => rows(ferry.service, 'report', ...options)

t.test('with nobody there the report is empty, and says so', async (t) => {
  t.match(await report(), { people: [], failures: [], burn_down: [], remaining: 0 })
  t.match(await mustRun(ferry.service, 'report'), /no migrations yet\n$/)
})

t.test('people are counted by provider, domain and state', async (t) => {
  const file = 'x@old.example\ny@old.example,,pw\nz@renamed.example\nw@renamed.example\n'
  t.equal((await ferry.service.run(['import', '-'], file)).exitCode, 0)
  for (const [user, password] of Object.entries(PEOPLE)) await ferry.service.passdb(user, password)
  await mustRun(ferry.service, 'migration', 'finish', 'a@old.example', '--force')
  await mustRun(ferry.service, 'migration', 'pause', 'b@old.example')
  await query(`update migration set state = 'failed', code = 'credential-refused' where old_username ~ '^[cd]@'`)
  await query(`update migration set code = 'ledger-lost' where state = 'pending' and account_id is not null`)
  await query(`update migration set state = 'synced' where old_username like 'e@%'`)
  const { people, total, failures, remaining } = await report()
  const none = { awaited: 0, pending: 0, copying: 0, synced: 0, done: 0, paused: 0, failed: 0 }
  t.same(people, [
    {
      ...{ provider: 'old', domain: 'old.example', ...none, awaited: 1, pending: 1, synced: 1, done: 1, paused: 1 },
      ...{ failed: 2, people: 7, never_came: 2, unflipped: 0 },
    },
    { provider: 'old', domain: 'renamed.example', ...none, awaited: 2, people: 2, never_came: 2, unflipped: 0 },
  ])
  t.match(total, { provider: 'all', domain: 'all', awaited: 3, people: 9, never_came: 4 })
  t.same(failures, [
    { code: 'credential-refused', people: 2 },
    { code: 'ledger-lost', people: 1 },
  ])
  t.equal(remaining, 7)
})

t.test('the burn-down comes from the states that people were in', async (t) => {
  await query(`update migration_transition set at = at - interval '3 days' where to_state in ('awaited', 'pending')`)
  const { burn_down } = await report()
  t.equal(burn_down.length, 4)
  t.match(burn_down[0], { remaining: 9, awaited: 3, pending: 6, synced: 0, done: 0 })
  t.match(burn_down.at(-1), { remaining: 7, awaited: 3, pending: 1, synced: 1, done: 1, paused: 1, failed: 2 })
  t.match(await mustRun(ferry.service, 'report'), /^7 remain\n.*\n2 of 9 people across, 2 in the last hour/m)
})

t.test('a report is of one provider or domain as well, with everything in it', async (t) => {
  const renamed = await report('--provider', 'old', '--domain', 'renamed.example')
  t.match(renamed, { people: [{ domain: 'renamed.example' }], failures: [], remaining: 2 })
  t.equal(renamed.people.length, 1)
  t.match(renamed.burn_down.at(-1), { awaited: 2, failed: 0 })
  t.match(await ferry.service.run(['report', '--provider', 'nobody']), { exitCode: 65, stderr: /no provider nobody/ })
})

t.test('who has never come is listed, also with a password that came along', async (t) => {
  const names = (await report('--awaited')).map(({ address }: { address: string }) => address)
  t.same(names, ['w@new.example', 'x@old.example', 'y@old.example', 'z@new.example'])
  const csv = await mustRun(ferry.service, 'report', '--awaited', '--domain', 'renamed.example', '--csv')
  t.match(
    csv,
    /^id,address,old_username,.*\r\n\d+,w@new\.example,w@renamed\.example,renamed\.example,old,awaited,.*\r\n\d+,z@/,
  )
})

t.test('the people are CSV too, and never CSV and JSON at once', async (t) => {
  const csv = await mustRun(ferry.service, 'report', '--csv')
  const header = 'provider,domain,awaited,pending,copying,synced,done,paused,failed,people,never_came,unflipped'
  t.equal(csv, `${header}\r\nold,old.example,1,1,0,1,1,1,2,7,2,0\r\nold,renamed.example,2,0,0,0,0,0,0,2,2,0\r\n`)
  t.match(await ferry.service.run(['report', '--csv', '--json']), { exitCode: 64 })
})

t.test('how it goes is told once, or again and again until it is stopped', async (t) => {
  const now = await mustRun(ferry.service, 'report', '--now')
  t.match(now, /^It has stopped: no "postferry sync" runs.*\n2 of 9 people across/)
  t.match(now, /^OLD SERVER +HEALTH +CONNECTIONS .*\nold +\S.* \d+ of \d+ .* 1 +0$/m)
  t.match(now, /^ +1 +no "postferry sync" runs +no-worker +start it/m)
  t.match(await ferry.service.run(['report', '--now', '--csv']), { exitCode: 64 })
  const watching = spawn(process.execPath, [MAIN, 'report', '--watch', '--json'], { env: ferry.service.environment })
  t.teardown(() => watching.kill('SIGKILL'))
  const [line] = await once(createInterface(watching.stdout), 'line')
  t.match(JSON.parse(line), { going: 'stopped', people: { all: 9, across: 2 } })
  watching.kill('SIGTERM')
  t.same(await once(watching, 'exit'), [0, null])
})

t.test('who works on the old server still is not called across, nor complete', async (t) => {
  await query(`update migration set route = 'source' where state = 'synced'`)
  t.match(await report(), { people: [{ synced: 1, unflipped: 1 }, { unflipped: 0 }], total: { unflipped: 1 } })
  const line = /^1 of 9 people across, 1 in the last hour; 1 not flipped yet; 4 not signed in yet/m
  const all = await mustRun(ferry.service, 'report')
  t.match(all, line)
  t.match(all, /^7 remain, 1 not flipped yet$/m)
  t.match(await mustRun(ferry.service, 'report', '--now'), line)
  t.match(await rows(ferry.service, 'report', '--now'), { people: { across: 1, unflipped: 1 } })
  await query(`update migration set route = 'destination' where state = 'synced'`)
})

t.test('who is being copied at this moment is counted apart', async (t) => {
  await using database = await openDatabase({ databaseUrl: null, dataDir: ferry.service.dataDir })
  const [{ id }] = await rows(ferry.service, 'migration', 'list', '--state', 'synced')
  t.match(await reports(database.kysely).people({}, [id]), [{ copying: 1, synced: 0, people: 7 }, { copying: 0 }])
})

t.test('no cell of a list is a formula to a spreadsheet, and import reads it as it was', async (t) => {
  const names = ["=cmd|'/c calc'!a1", '@sum', '+49', '-1', "'=x", "'plain", '"quoted"']
  const quoted = (cell: string) => `"${cell.replaceAll('"', '""')}"`
  const lines = names.map((name, at) => `s${at}@renamed.example,${quoted(defused(name))}\n`)
  const imported = (file: string, ...options: string[]) => ferry.service.run(['import', '-', ...options], file)
  t.match(await imported(`=1+1@renamed.example\n${lines.join('')}`), { exitCode: 0 })
  const csv = await mustRun(ferry.service, 'report', '--awaited', '--domain', 'renamed.example', '--csv')
  const [head = [], ...printed] = parse(csv)
  t.same(
    printed.flat().filter((cell) => /^[=+\-@]/.test(cell)),
    [],
  )
  t.match(csv, /,'=1\+1@new\.example,'=1\+1@renamed\.example,/)
  const awaited = await report('--awaited', '--domain', 'renamed.example')
  t.ok(names.every((name) => awaited.some((row: { old_username: string }) => row.old_username === name)))
  const again = printed.map((row) => `${quoted(row[1] ?? '')},${quoted(row[head.indexOf('old_username')] ?? '')}\n`)
  t.match(await imported(again.join('').replaceAll('@new.', '@renamed.'), '--json'), {
    exitCode: 0,
    stdout: new RegExp(`"awaited":0,.*"kept":${printed.length}[,}]`),
  })
  t.same(await report('--awaited', '--domain', 'renamed.example'), awaited)
})

async function query(text: string): Promise<void> {
  await using embedded = await openEmbedded(ferry.service.dataDir)
  const client = new pg.Client(embedded.connection)
  await client.connect()
  await client.query(text).finally(() => client.end())
}

t.end()

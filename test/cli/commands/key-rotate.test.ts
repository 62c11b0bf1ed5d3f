import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, chownSync, copyFileSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import pg from 'pg'
import t from 'tap'
import { openEmbedded } from '../../../src/db/embedded/postgres.ts'
import { COMPILED } from '../../support/compiled.ts'
import { type Ferry, mustRun, rows, startFerry } from '../../support/ferry.ts'
import { MAIN } from '../../support/program.ts'
import { runPostferry } from '../../support/service.ts'
import { mistakeIn } from '../mistake.ts'

const SIGNING_IN = Array.from({ length: 40 }, (_, at) => `s${at}@old.example`)
const IMPORTED = 1_000
let ferry: Ferry
t.before(async () => {
  const people = Object.fromEntries(SIGNING_IN.map((user) => [user, `pw of ${user}`]))
  ferry = await startFerry(people, COMPILED)
  const file = Array.from({ length: IMPORTED }, (_, at) => `p${at}@old.example,,pw of p${at}@old.example\n`).join('')
  const imported = await ferry.service.run(['import', '-'], file)
  if (imported.exitCode !== 0) throw new Error(imported.stderr)
})
t.after(() => ferry[Symbol.asyncDispose]())

const keyShow = () => rows(ferry.service, 'key', 'show')
const identityFile = () => join(ferry.service.dataDir, 'identity')
const identities = () => readFileSync(identityFile(), 'utf8').match(/^AGE-SECRET-KEY-1\S+$/gm) ?? []
const short = (recipient: string) => recipient.slice(0, 16)
const signIn = async (user: string) => (await ferry.service.passdb(user, `pw of ${user}`)).body.verdict

/** Every credential there is, as it opens: each password must be that of its person. */
async function wronglyOpened(): Promise<string[]> {
  const ids = (await query('select migration_id from credential')).rows.map((row) => row.migration_id)
  const { stdout } = await ferry.service.run(['credential', 'open'], ids.join('\n'))
  const lines = stdout.trimEnd().split('\n')
  if (lines.length !== ids.length) throw new Error(`${lines.length} answers for ${ids.length}`)
  return lines.filter((line) => {
    const { user, password } = JSON.parse(line)
    return password !== `pw of ${user}`
  })
}

t.test('a rotation that is killed goes on, while people sign in, until nothing is sealed to the old key', async (t) => {
  const [before] = (await keyShow()).recipients
  t.same((await keyShow()).sealed, [{ credentials: IMPORTED, sealed_to: [short(before)] }])
  const count = 'select count(*)::integer as count from credential where sealed_to <> $1'
  const resealed = async () => (await query(count, [[short(before)]])).rows[0].count
  const first = spawn(process.execPath, [MAIN, 'key', 'rotate'], { env: ferry.service.environment, stdio: 'ignore' })
  while ((await resealed()) === 0 && first.exitCode === null) await wait(10)
  first.kill('SIGKILL')
  await once(first, 'exit')
  const half = await resealed()
  t.ok(half < IMPORTED, `${half} of ${IMPORTED}`)
  t.equal(identities().length, 2)

  const [rotated, ...verdicts] = await Promise.all([
    rows(ferry.service, 'key', 'rotate', '--reason', 'yearly'),
    ...SIGNING_IN.slice(0, 30).map(signIn),
  ])
  t.same(new Set(verdicts), new Set(['ok']))
  t.match(rotated, { started: false, unopened_count: 0, settings_differ: false })
  t.ok(rotated.resealed >= IMPORTED - half, 'what was left')
  t.equal(identities().length, 2, 'the old key stays until it is dropped')
  const { recipients, sealed, identity } = await keyShow()
  t.same({ recipients, identity }, { recipients: [rotated.recipient], identity: 'matches' })
  t.same(sealed, [{ credentials: IMPORTED + 30, sealed_to: [short(rotated.recipient)] }])
  t.same(await wronglyOpened(), [])
  t.match(await rows(ferry.service, 'audit', 'list'), [
    { action: 'provider.trust', subject: 'old' },
    { action: 'credential.open' },
    { action: 'key.rotate', subject: short(rotated.recipient), reason: 'yearly', detail: /sealed to it/ },
  ])
})

t.test('a running service seals to the new key without being told', async (t) => {
  const [recipient] = (await keyShow()).recipients
  t.equal(await signIn(SIGNING_IN[30] ?? ''), 'ok')
  const newest = await query('select sealed_to from credential order by migration_id desc limit 1')
  t.same(newest.rows, [{ sealed_to: [short(recipient)] }])
})

t.test('the old key is dropped once nothing is sealed to it, and no earlier', async (t) => {
  const saved = join(ferry.service.dataDir, 'saved')
  copyFileSync(identityFile(), saved)
  await query(`update credential set sealed_to = null where migration_id = (select min(migration_id) from credential)`)
  const drop = ['key', 'rotate', '--drop-old']
  t.match(await mistakeIn(drop, ferry.service.environment), { exitCode: 65, line: /^postferry: 1 credentials are not/ })
  t.match(await rows(ferry.service, 'key', 'rotate'), { started: false, resealed: 1 })
  const old = { ...ferry.service.environment, POSTFERRY_RECIPIENTS: recipientsOf(saved)[0] ?? '' }
  t.match(await mistakeIn(drop, old), { exitCode: 65, line: /still name an old key/ })
  t.match(await mustRun(ferry.service, ...drop), /^dropped age1/)
  t.equal(identities().length, 1)
  t.equal(identities()[0], readFileSync(saved, 'utf8').match(/^AGE-SECRET-KEY-1\S+$/gm)?.[1], 'the newer one is kept')
  t.match(await mistakeIn(drop, ferry.service.environment), { exitCode: 65, line: /there is no old key/ })
  t.same(await wronglyOpened(), [])
})

t.test('who may read the key stays the same, also when root rotates it', async (t) => {
  const owner = process.getuid?.() === 0 ? 65_534 : (process.getuid?.() ?? 0)
  if (process.getuid?.() === 0) chownSync(identityFile(), owner, owner)
  chmodSync(identityFile(), 0o640)
  t.match(await rows(ferry.service, 'key', 'rotate'), { started: true, resealed: IMPORTED + 31 })
  const { mode, uid } = statSync(identityFile())
  t.same({ mode: mode & 0o777, uid }, { mode: 0o640, uid: owner })
})

t.test('a credential that cannot be opened is named, and stops no other', async (t) => {
  await mustRun(ferry.service, 'key', 'rotate', '--drop-old')
  const damaged = `(select id from migration where address = 'p7@old.example')`
  await query(`update credential set sealed = 'nonsense' where migration_id = ${damaged}`)
  const { exitCode, stdout, stderr } = await ferry.service.run(['key', 'rotate', '--json'])
  t.equal(exitCode, 65)
  t.same(JSON.parse(stderr), { error: '1 credentials cannot be opened: p7@old.example', exit_code: 65 })
  t.match(JSON.parse(stdout), { resealed: IMPORTED + 30, unopened: ['p7@old.example'], unopened_count: 1 })
  t.equal((await wronglyOpened()).length, 1)
})

t.test('recipients of the settings are left to the administrator, who is told', async (t) => {
  const before = recipientsOf(identityFile()).at(-1) ?? ''
  await query(`delete from credential where sealed = 'nonsense'`)
  await mustRun(ferry.service, 'key', 'rotate', '--drop-old')
  const env = { ...ferry.service.environment, POSTFERRY_RECIPIENTS: before }
  const first = await runPostferry(['key', 'rotate'], env)
  t.match(first, { exitCode: 0, stdout: /^the new key is (age1\w+);.* next: set POSTFERRY_RECIPIENTS to it/ })
  const recipient = /age1\w+/.exec(first.stdout)?.[0] ?? ''
  t.match(await runPostferry(['key', 'rotate', '--drop-old'], env), { exitCode: 65 })
  const changed = { ...env, POSTFERRY_RECIPIENTS: recipient }
  t.match(await runPostferry(['key', 'rotate'], changed), { exitCode: 0, stdout: /^going on with .*--drop-old\n$/ })
  const drop = () => runPostferry(['key', 'rotate', '--drop-old'], changed)
  t.match(await drop(), { exitCode: 65, stderr: /still sealed to an old key on/ }, 'the service has other settings')
  await ferry.service.stop()
  t.match(await drop(), { exitCode: 0 })
})

function recipientsOf(file: string): string[] {
  return [...readFileSync(file, 'utf8').matchAll(/^# public key: (age1\w+)$/gm)].map(([, recipient = '']) => recipient)
}

async function query(text: string, values: unknown[] = []): Promise<pg.QueryResult> {
  await using embedded = await openEmbedded(ferry.service.dataDir)
  const client = new pg.Client(embedded.connection)
  await client.connect()
  return await client.query(text, values).finally(() => client.end())
}

t.end()

import { execFile, spawnSync } from 'node:child_process'
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { gunzipSync } from 'node:zlib'
import t, { type Test } from 'tap'
import { certificates } from '../support/certificates.ts'
import { bothDebians, type Debian } from '../support/debian.ts'
import { startDebianPostgres } from '../support/debian-postgres.ts'
import { mustRun, rows, startFerry } from '../support/ferry.ts'
import { MAIN } from '../support/program.ts'
import { query } from '../support/query.ts'
import { seed } from '../support/seed.ts'
import { type RunningService, runPostferry, runProgram, startService } from '../support/service.ts'
import { syncOnce } from '../support/sync.ts'
import { until } from '../support/until.ts'

const ANNA = ['anna@old.example', 'Correct-Horse-9'] as const
const LATE = ['late@old.example', 'secret of late'] as const
type Person = readonly [string, string]
const CROWD = Array.from({ length: 40 }, (_, n): Person => [`person${n}@old.example`, `secret of ${n}`])

const folder = mkdtempSync(join(tmpdir(), 'postferry-backup-'))
const homes = join(folder, 'homes')
chmodSync(folder, 0o755)
t.after(() => rmSync(folder, { recursive: true }))
const file = join(folder, 'backup.gz')
const ferry = await startFerry(Object.fromEntries([ANNA, LATE, ...CROWD]), { POSTFERRY_HOME: `${homes}/%d/%n` })
t.teardown(() => ferry[Symbol.asyncDispose]())
const { old, service } = ferry

function filesOf(local: string): string[] {
  return readdirSync(join(homes, 'old.example', local, 'Maildir'), { recursive: true, encoding: 'utf8' }).filter(
    (name) => /(^|\/)(cur|new)\/./.test(name),
  )
}

/** Whoever hears "try again" does. */
async function arrives({ passdb }: Pick<RunningService, 'passdb'>, person: Person): Promise<void> {
  await until(async () => (await passdb(...person)).status === 200, person[0])
}

t.test('a backup is made while people sign in, and tells what it does not hold', async (t) => {
  for (const person of [ANNA, LATE]) await seed(old.port, person, 5)
  t.match(await service.passdb(...ANNA), { status: 200 })
  t.same(await syncOnce(service), { [ANNA[0]]: 'complete' })

  const arriving = Promise.all(CROWD.map((person) => arrives(service, person)))
  const { exitCode, stdout, stderr } = await service.run(['backup', file])
  t.equal(exitCode, 0, stderr)
  await arriving
  t.equal(statSync(file).mode & 0o777, 0o600)
  t.match(stdout, /^[\d,]+ rows of \d+ tables in .*backup\.gz, mode 0600: it holds password hashes/)
  t.match(stdout, new RegExp(`\n  identity: ${service.dataDir}/identity\n`))
  t.match(stdout, new RegExp(`\n  sync state: ${service.dataDir}/offlineimap\n`))

  const text = gunzipSync(readFileSync(file)).toString()
  const identity = readFileSync(join(service.dataDir, 'identity'), 'utf8').match(/AGE-SECRET-KEY-\w+/)?.[0] ?? 'none'
  for (const secret of [ANNA[1], service.token, identity, ...CROWD.map(([, password]) => password)])
    t.notOk(text.includes(secret))
  t.ok(text.includes(ANNA[0]) && text.includes('$argon2id$'))

  // Afterwards somebody else comes and is copied.
  t.match(await service.passdb(...LATE), { status: 200 })
  await mustRun(service, 'sync', '--account', LATE[0])
  t.equal(filesOf('late').length, 10)
})

t.test('the line for cron in the documentation makes one, and prints nothing', async (t) => {
  const page = readFileSync(join(import.meta.dirname, '../../docs/operate/backup.md'), 'utf8')
  const [, command = ''] = /^15 3 \* \* \* postferry (.*)$/m.exec(page) ?? []
  const here = command
    .replace(/^postferry /, `${process.execPath} ${MAIN} `)
    .replace('/var/backups/postferry', folder)
    .replaceAll('\\%', '%')
  t.same(await runProgram('sh', ['-c', here], service.environment), { exitCode: 0, stdout: '', stderr: '' })
  t.equal(readdirSync(folder).filter((name) => /^[1-7]\.gz$/.test(name)).length, 1)
})

for (const debian of bothDebians().slice(0, process.env.POSTFERRY_SOAK === undefined ? 1 : 2)) {
  t.test(`it is restored into the PostgreSQL of Debian ${debian.release}, and all goes on there`, (t) =>
    moves(t, debian),
  )
}

/** Into another PostgreSQL, which takes TLS and SCRAM alone; then back. */
async function moves(t: Test, debian: Debian): Promise<void> {
  const { server: tls } = await certificates()
  await using postgres = await startDebianPostgres({ debian, tls })
  const { dataDir } = service
  const brought = {
    POSTFERRY_HOME: `${homes}/%d/%n`,
    DATABASE_URL: postgres.url,
    POSTFERRY_OFFLINEIMAP_METADATA: join(dataDir, 'offlineimap'),
    POSTFERRY_IDENTITY_FILE: join(dataDir, 'identity'),
    POSTFERRY_RECIPIENTS: readFileSync(join(dataDir, 'recipients'), 'utf8').trim(),
  }
  const at = { ...service.environment, ...brought }
  t.match(await runPostferry(['restore', file, '--check'], at), {
    exitCode: 0,
    stdout: /^whole and unaltered: \d+ rows/,
  })
  t.match(await runPostferry(['restore', file, '--reason', 'moved'], at), { exitCode: 0, stdout: /^restored \d+ rows/ })
  const { rows: halves } = await postgres.query(`
    select count(*) filter (where migration.id is null or credential.sealed is null or job.due_at is null)::int as halves,
        count(*)::int as people
      from account left join migration on migration.account_id = account.id
      left join credential on credential.migration_id = migration.id left join job on job.migration_id = migration.id`)
  t.equal(halves[0].halves, 0, `who is in it is in it whole (${halves[0].people} people)`)
  t.match(await runPostferry(['restore', file], at), { exitCode: 73, stderr: /not empty/ })

  await using moved = await startService(brought)
  const open = await runPostferry(['account', 'list'], { ...at, DATABASE_URL: postgres.url.replace(/\?.*/, '') })
  t.match(open, { exitCode: 78, stderr: /no encryption/ }, 'nothing goes there without TLS')
  t.match(await moved.passdb(...ANNA), { status: 200 })
  t.match(await moved.passdb(ANNA[0], 'wrong'), { status: 401 })
  for (const person of [LATE, ...CROWD]) await arrives(moved, person)
  t.match(await moved.passdb(LATE[0], 'wrong'), { status: 401 })

  const before = filesOf('anna').length
  for (const person of [ANNA, LATE]) await seed(old.port, person, 1)
  for (const [address] of [ANNA, LATE]) {
    const { exitCode, stderr } = await moved.run(['sync', '--account', address])
    t.equal(exitCode, 0, `${address}: ${stderr}`)
    t.match(await rows(moved, 'migration', 'show', address), { state: 'synced', code: null })
  }
  t.equal(filesOf('anna').length, before + 2, 'nothing twice, nothing missing')
  t.equal(filesOf('late').length, before + 2, 'not even of whom the backup does not know')
  t.match(await rows(moved, 'audit', 'list', '--action', 'database.restore'), [{ reason: 'moved' }])

  // And back, through a pipe.
  const back = mkdtempSync(join(folder, 'data-'))
  const { stdout } = await promisify(execFile)(process.execPath, [MAIN, 'backup', '-'], {
    ...{ env: moved.environment, encoding: 'buffer', maxBuffer: 2 ** 26 },
  })
  const embedded = { ...at, DATABASE_URL: '', POSTFERRY_DATA_DIR: back }
  const restored = await runProgram(process.execPath, [MAIN, 'restore', '-', '--json'], embedded, stdout)
  t.equal(restored.exitCode, 0, restored.stderr)
  t.equal(JSON.parse(restored.stdout).tables.find(({ name }: { name: string }) => name === 'account').rows, 42)
  const { stdout: list } = await runPostferry(['account', 'list', '--json'], embedded)
  t.equal(JSON.parse(list).length, 42)
}

t.test('what cannot be used is refused in one line, and what cannot be written leaves nothing', async (t) => {
  const nowhere = join(folder, 'missing/backup.gz')
  t.match(await service.run(['backup', nowhere]), { exitCode: 73, stderr: /cannot write .*missing.* \(ENOENT\)/ })
  t.match(await service.run(['backup', '/dev/null']), { exitCode: 73, stderr: /is no file/ })
  t.ok(statSync('/dev/null').isCharacterDevice())
  const half = join(folder, 'half.gz')
  writeFileSync(half, readFileSync(file).subarray(0, 500))
  t.match(await service.run(['restore', half]), { exitCode: 65, stderr: /ends too soon\. Nothing was changed/ })
  t.match(await service.run(['restore', nowhere]), { exitCode: 65, stderr: /cannot read .*missing/ })
  t.match(await service.run(['restore', file]), { exitCode: 73, stderr: /not empty, table \w+ has rows/ })
  t.match(await runPostferry(['backup', file], { POSTFERRY_DATA_DIR: folder }), {
    ...{ exitCode: 69, stderr: /there is no database in/ },
  })
  t.same((await query(service.dataDir, 'select count(*)::int as people from account')).rows, [{ people: 42 }])
  // A full disk.
  const full = spawnSync('sh', ['-c', `ulimit -f 1; exec "$0" "$@"`, process.execPath, MAIN, 'backup', half], {
    ...{ env: service.environment, encoding: 'utf8' },
  })
  t.match(full, { status: 73, stderr: /cannot write .*half\.gz \(EFBIG\): nothing was left there/ })
  t.equal(statSync(half).size, 500, 'what was there stays')
  t.same(
    readdirSync(folder).filter((name) => name.startsWith('.')),
    [],
    'and nothing beside it',
  )
})

t.end()

import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import t from 'tap'
import { compareAccounts } from '../support/compare.ts'
import { cronCommand, handOver, runCronLine, runPlainOfflineimap } from '../support/cron.ts'
import { startDebianPostgres } from '../support/debian-postgres.ts'
import { startNew } from '../support/destination.ts'
import { mustRun, rows, startFerry } from '../support/ferry.ts'
import { ImapWire } from '../support/imap-wire.ts'
import { formsFound, watchProcesses } from '../support/secrets.ts'
import { signIn } from '../support/sign-in.ts'

const folder = mkdtempSync(join(tmpdir(), 'postferry-crossing-'))
chmodSync(folder, 0o711)
t.after(() => rmSync(folder, { recursive: true }))

const CANARY = join(folder, 'code-has-run')
const PYTHON = `__import__('os').system('touch ${CANARY}')`
const PEOPLE = {
  'anna@old.example': 'Correct-Horse-9',
  'bert@renamed.example': ' Пароль "with" \\ {3} %s %(x)s ] ',
  "o'neil+x@old.example": `'"); ${PYTHON} #`,
}
const SECRETS = Object.values(PEOPLE)
const FOLDERS = ['Sent', 'Plans.2024', `${PYTHON}`, 'Trash', '%(home)s ] "x"']

t.test('docs/operate.md and deploy/cron have the same line', async (t) => {
  const shipped = readFileSync(join(import.meta.dirname, '../../deploy/cron/postferry'), 'utf8')
  t.ok(shipped.includes(` vmail ${cronCommand()}\n`))
})

t.test('people cross over, and no password is anywhere in clear', async (t) => {
  const homes = join(folder, 'homes')
  await using postgres = await startDebianPostgres()
  await using ferry = await startFerry(PEOPLE, { POSTFERRY_HOME: `${homes}/%d/%n`, DATABASE_URL: postgres.url })
  const { old, service } = ferry
  await using dovecot = await startNew({ passdb: 'lua', url: service.url, token: service.token, homeRoot: homes })
  for (const [user, password] of Object.entries(PEOPLE)) await fill(old.port, user, password)
  await mustRun(service, 'provider', 'set', 'old', '--exclude', 'Trash', '--exclude', `${PYTHON}"]%`)
  const processes = watchProcesses(SECRETS)

  for (const [user, password] of Object.entries(PEOPLE)) {
    t.match(
      await signIn(dovecot.port, user, `${password}!`),
      /^NO \[AUTHENTICATIONFAILED\]/,
      `${user}, a wrong password`,
    )
    t.match(await signIn(dovecot.port, user, password), /^OK /, user)
  }
  const first = await runCronLine(service)
  t.same(first, { exitCode: 0, stdout: '', stderr: '' }, 'cron has nothing to tell')
  handOver(homes, dovecot.mailOwner)
  for (const [user, password] of Object.entries(PEOPLE)) {
    const { total, folders } = await compareAccounts(
      { host: 'localhost', port: old.port, user, password },
      { host: 'localhost', port: dovecot.port, user, password },
    )
    const copied = folders.filter((one) => one.old !== 'Trash')
    t.same([copied.length, total.messages], [FOLDERS.length, FOLDERS.length + 1], user)
    for (const one of copied)
      t.match(one, { there: true, missing: 0, altered: 0, dates: 0, flags: 0, extra: 0 }, one.old)
    t.match(
      folders.find((one) => one.old === 'Trash'),
      { there: false, missing: 1 },
      'the excluded folder stays',
    )
  }

  t.match(await rows(service, 'migration', 'list', '--state', 'synced'), { length: 3 })
  t.match(await mustRun(service, 'report'), /^all migrations are complete$/m)
  const plain = await runPlainOfflineimap(service)
  t.equal(plain.exitCode, 0, plain.stderr)
  t.notMatch(plain.stdout, /Copy message/)
  for (const address of ['anna@old.example', 'bert@new.example']) {
    await mustRun(service, 'verify', address)
    await mustRun(service, 'migration', 'finish', address)
  }
  t.equal((await postgres.query('select from credential')).rowCount, 1, 'a finished migration has no credential')
  const emitted = await service.run(['migration', 'pause', `o'neil+x@old.example`])
  t.equal(emitted.exitCode, 0, emitted.stderr)
  const third = await runCronLine(service)
  t.same(third, { exitCode: 0, stdout: '', stderr: '' }, 'no active migration at all')

  t.notOk(existsSync(CANARY), 'no code ran')
  const { looks, found } = processes.stop()
  t.ok(looks > 10)
  t.same(found, [], 'command lines and environments')
  t.same(formsFound(Buffer.from(service.log() + dovecot.log()), SECRETS), [], 'logs at debug level')
  t.same(formsFound(Buffer.from(plain.stdout + plain.stderr), SECRETS), [], 'what OfflineIMAP prints')
  t.same(formsFound(await dump(postgres.url), SECRETS), [], 'the database')
  for (const file of filesBelow(service.dataDir)) t.same(formsFound(readFileSync(file), SECRETS), [], file)
  t.equal(statSync(join(service.dataDir, 'offlineimaprc')).mode & 0o777, 0o600)
})

t.test('the search for secrets finds them', async (t) => {
  const secret = 'Correct-Horse-9'
  for (const text of [secret, btoa(`\0anna\0${secret}`), Buffer.from(secret).toString('hex'), JSON.stringify(secret)]) {
    t.not(formsFound(Buffer.from(`before ${text} after`), [secret]).length, 0, text)
  }
})

async function fill(port: number, user: string, password: string): Promise<void> {
  await using wire = await ImapWire.open({ host: 'localhost', port, user, password })
  await wire.command('APPEND INBOX (\\Seen) "01-Feb-2003 04:05:06 +0700" ', Buffer.from('Subject: 1\r\n\r\none\r\n'))
  for (const name of FOLDERS) {
    await wire.command('CREATE ', Buffer.from(name))
    await wire.command('APPEND ', Buffer.from(name), ' (\\Flagged) ', Buffer.from(`Subject: in ${name}\r\n\r\ntwo\r\n`))
  }
}

/** All rows of all tables, as text. */
async function dump(url: string): Promise<Buffer> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  const { rows: tables } = await client.query(
    `select table_name from information_schema.tables where table_schema = 'public'`,
  )
  const texts = []
  for (const { table_name } of tables) {
    const { rows } = await client.query(`select t::text from ${table_name} t`)
    texts.push(...rows.map((row) => row.t))
    for (const row of (await client.query(`select * from ${table_name}`)).rows) {
      texts.push(
        ...Object.values(row).map((value) => (Buffer.isBuffer(value) ? value.toString('latin1') : String(value))),
      )
    }
  }
  await client.end()
  return Buffer.from(texts.join('\n'))
}

function filesBelow(top: string): string[] {
  return readdirSync(top, { recursive: true, encoding: 'utf8' })
    .map((name) => join(top, name))
    .filter((path) => statSync(path).isFile())
}

t.end()

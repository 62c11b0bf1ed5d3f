import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { mustRun, startFerry } from '../support/ferry.ts'
import { query } from '../support/query.ts'

const PEOPLE = { 'wilhelmina.q@old.example': 'secret-of-Wilhelmina', 'thaddeus@old.example': 'secret-of-Thaddeus' }
const FOREIGN = '/srv/elsewhere/cornelius'

t.test('a bundle for a report of a bug tells how things are, and no secret and nobody’s name', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'postferry-bundle-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  const token = 'T'.repeat(40)
  await using ferry = await startFerry(PEOPLE, { POSTFERRY_HOME: `${folder}/%d/%n`, POSTFERRY_ADMIN_TOKEN: token })
  const { service } = ferry
  for (const [person, password] of Object.entries(PEOPLE))
    t.match(await service.passdb(person, password), { status: 200 })
  await service.run(['admin', 'add', 'boniface', '--role', 'owner'], 'secret of the owner 9\n')
  await query(service.dataDir, `update account set home = $1 where address ~ 'thaddeus'`, [FOREIGN])
  await query(
    service.dataDir,
    `insert into collision (address, provider_id, old_domain, old_username, home)
      select address, 1, 'renamed.example', 'eustachius', home from account where address ~ 'wilhelmina'`,
  )
  await query(service.dataDir, `update migration set state = 'failed', code = 'old-shrunk' where address ~ 'thaddeus'`)

  const file = join(folder, 'bundle.json')
  const { stdout } = await service.run(['doctor', '--bundle', file])
  t.match(stdout, /eustachius of old would be wilhelmina\.q@old\.example/, 'who administers is told')
  t.equal(statSync(file).mode & 0o777, 0o600)
  const text = readFileSync(file, 'utf8')
  const kept = ['auth-token', 'panel-key', 'identity'].map((name) => {
    return readFileSync(join(service.dataDir, name), 'utf8').trim().split('\n').at(-1) ?? ''
  })
  const { rows: hashes } = await query(service.dataDir, 'select password_hash from account')
  const nobody = ['wilhelmina', 'thaddeus', 'eustachius', 'boniface', 'cornelius', ...Object.values(PEOPLE)]
  for (const word of [...nobody, token, ...kept, ...hashes.map(({ password_hash }) => password_hash), '$argon2id$']) {
    t.notOk(text.includes(word), `${word.slice(0, 12)}… is not in it`)
  }
  const bundle = JSON.parse(text)
  t.match(bundle, {
    postferry: /^\d+\.\d+/,
    postgresql: /^PostgreSQL 17/,
    system: { name: /Debian/ },
    settings: { POSTFERRY_ADMIN_TOKEN: 'set', POSTFERRY_DATA_DIR: service.dataDir },
    standing: { collisions: 1 },
  })
  t.ok(bundle.schema.includes('0001_first_ferry.sql'))
  t.match(bundle.standing.stopped, [{ code: 'old-shrunk', people: 1 }])
  t.match(
    bundle.findings.find(({ id }: { id: string }) => id === 'collision'),
    { level: 'error', found: /names people/, remedy: undefined },
  )
  t.match(await mustRun(service, 'provider', 'list'), /old/)
  t.match(await service.run(['doctor', '--bundle', join(folder, 'missing/x')]), {
    exitCode: 73,
    stderr: /cannot write/,
  })
})

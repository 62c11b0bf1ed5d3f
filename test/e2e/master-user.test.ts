import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { ENGINES } from '../../src/model/provider.ts'
import { handOver } from '../support/cron.ts'
import { users } from '../support/dovecot-users.ts'
import { mustRun, rows } from '../support/ferry.ts'
import { ImapWire } from '../support/imap-wire.ts'
import { CYRUS_ADMIN, startCyrus } from '../support/old-servers.ts'
import { query } from '../support/query.ts'
import { startService } from '../support/service.ts'
import { startSource } from '../support/source-server.ts'
import { syncOnce } from '../support/sync.ts'

const OWN = 'Correct-Horse-9'
const MASTER = 'secret of the master'
const NAMES = ['anna', 'ben']

const folder = mkdtempSync(join(tmpdir(), 'postferry-master-'))
chmodSync(folder, 0o755)
handOver(folder, (await users()).mail)
writeFileSync(join(folder, 'masters'), `root:{PLAIN}${MASTER}\n`, { mode: 0o644 })
const at = (domain: string) => NAMES.map((name) => `${name}@${domain}`)
const passwords = (domain: string) => Object.fromEntries(at(domain).map((person) => [person, OWN]))

const service = await startService({ POSTFERRY_HOME: `${folder}/%d/%n` })
const dovecot = await startSource({
  people: passwords('dovecot.example'),
  configuration: `
auth_master_user_separator = *
passdb {
  driver = passwd-file
  args = ${folder}/masters
  master = yes
  result_success = continue
}`,
})
const cyrus = await startCyrus(passwords('cyrus.example'))
t.teardown(async () => {
  for (const one of [service, dovecot, cyrus]) await one[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true })
})

const OLDS = [
  { name: 'dovecot', port: dovecot.port, master: 'root', password: MASTER, login: 'user*master' },
  { name: 'cyrus', port: cyrus.port, master: CYRUS_ADMIN[0], password: CYRUS_ADMIN[1], login: 'authzid' },
] as const

for (const { name, port, master, password, login } of OLDS) {
  const [anna = '', ben = ''] = at(`${name}.example`)
  const show = (address: string) => rows(service, 'migration', 'show', address)

  t.test(
    `${name}: who is awaited is copied as its master user, and proves herself at her own first sign-in`,
    async (t) => {
      const where = ['--host', 'localhost', '--port', `${port}`, '--tls', 'none']
      await mustRun(service, 'provider', 'add', name, ...where)
      await mustRun(service, 'domain', 'add', `${name}.example`, '--provider', name)
      for (const person of [anna, ben]) {
        await using wire = await ImapWire.open({ host: 'localhost', port, user: person, password: OWN })
        await wire.command('APPEND INBOX ', Buffer.from(`Subject: for ${person}\r\n\r\nhers\r\n`))
      }
      const file = join(service.dataDir, 'people.csv')
      writeFileSync(file, `address\n${anna}\n${ben}\n`)
      await mustRun(service, 'import', file)
      const use = (input: string) => service.run(['provider', 'use-master', name], input)
      t.match(await use(password), { exitCode: 65, stderr: /has no master user/ })
      await mustRun(service, 'provider', 'set', name, '--master-name', master, '--master-login', login)
      t.match(await use('wrong'), { exitCode: 77, stderr: /refuses its master user for anna.*nothing is changed/ })
      t.match(await show(anna), { state: 'awaited' })
      t.match(await service.run(['sync', '--account', anna]), { exitCode: 65, stderr: /migration of \S+ is awaited/ })
      t.match(await use(password), { exitCode: 0, stdout: /the mail of 2 people/ })
      for (const [number, engine] of ENGINES.entries()) {
        await mustRun(service, 'provider', 'set', name, '--engine', engine)
        const person = [anna, ben][number] ?? ''
        await query(service.dataDir, `update job set due_at = 'infinity'`)
        await query(
          service.dataDir,
          `update job set due_at = now() from migration where migration.id = migration_id and address = '${person}'`,
        )
        t.match(await syncOnce(service), { [person]: 'complete' }, engine)
        t.match(await show(person), { state: 'synced', attempts: [{ messages: 1 }] })
      }
      await mustRun(service, 'sync', '--account', anna)
      t.match(await service.run(['account', 'show', anna]), { exitCode: 65 }, 'nobody has an account by that')
      for (const wrong of [password, 'a guess']) {
        t.match((await service.passdb(anna, wrong)).body, { verdict: 'mismatch' }, 'the master user opens nothing here')
      }
      t.match((await service.passdb(anna, OWN)).body, { verdict: 'ok', user: anna })
      await query(service.dataDir, 'update job set due_at = now()')
      t.match(await syncOnce(service), { [anna]: /complete|unchanged/ })
      t.match(
        await use(password),
        { exitCode: 0, stdout: /the mail of 1 people/ },
        'who has come has her own credential',
      )
      const kept = await query(service.dataDir, 'select * from provider')
      t.notMatch(JSON.stringify(kept.rows), password)
    },
  )
}

t.end()

import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  lchownSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import t from 'tap'
import { openPlace } from '../../src/engines/doveadm/place.ts'
import { installed } from '../../src/engines/doveadm/version.ts'
import { handOver, runPlainOfflineimap } from '../support/cron.ts'
import { startDebianPostgres } from '../support/debian-postgres.ts'
import { users } from '../support/dovecot-users.ts'
import { mustRun, rows, startFerry } from '../support/ferry.ts'
import { seed } from '../support/seed.ts'

if (process.getuid?.() !== 0) throw new Error('what root does, only root can show')

const ANNA = ['anna@old.example', 'Correct-Horse-9'] as const
const BEN = ['ben@old.example', 'secret of ben'] as const
const CLEO = ['cleo@old.example', 'secret of cleo'] as const
const DORA = ['dora@old.example', 'secret of dora'] as const

const { mail: owner } = await users()
const homes = mkdtempSync(join(tmpdir(), 'postferry-homes-'))
const elsewhere = mkdtempSync(join(tmpdir(), 'postferry-elsewhere-'))
chmodSync(homes, 0o755)
chownSync(homes, owner.uid, owner.gid)
t.after(() => {
  for (const folder of [homes, elsewhere]) rmSync(folder, { recursive: true })
})
// One that needs no user of its own.
const postgres = await startDebianPostgres()
t.teardown(() => postgres[Symbol.asyncDispose]())
const ferry = await startFerry(Object.fromEntries([ANNA, BEN, CLEO, DORA]), {
  POSTFERRY_HOME: `${homes}/%d/%n`,
  DATABASE_URL: postgres.url,
})
t.teardown(() => ferry[Symbol.asyncDispose]())
const { old, service } = ferry
for (const person of [ANNA, BEN, CLEO, DORA]) {
  await seed(old.port, person, 3)
  await service.passdb(person[0], person[1])
}

const home = (local: string) => join(homes, 'old.example', local)
const metadata = join(service.dataDir, 'offlineimap')

t.test('what root copies belongs to the owner of the folder of the homes', async (t) => {
  await mustRun(service, 'sync', '--account', ANNA[0])
  t.match(await rows(service, 'migration', 'show', ANNA[0]), { state: 'synced', attempts: [{ messages: 6 }] })
  t.same(ownersBelow(homes), [owner.uid])
})

t.test('root goes nowhere where a link in a person’s home leads, and that person may not go', async (t) => {
  mkdirSync(home('ben'), { recursive: true })
  symlinkSync(elsewhere, join(home('ben'), 'Maildir'))
  chownSync(home('ben'), owner.uid, owner.gid)
  const { stdout } = await service.run(['sync', '--account', BEN[0]])
  t.match(stdout, 'new-unwritable')
  t.same(readdirSync(elsewhere), [])
  rmSync(join(home('ben'), 'Maildir'))
})

t.test('what is no file, in a person’s home, is no message, and root does not wait for it', async (t) => {
  const cur = join(home('anna'), 'Maildir', 'cur')
  const [pipe, endless] = [join(cur, 'pipe'), join(cur, 'endless:2,')]
  execFileSync('mkfifo', [pipe])
  symlinkSync('/dev/zero', endless)
  t.match(await mustRun(service, 'verify', ANNA[0]), 'clean: all 6 messages')
  for (const path of [pipe, endless]) rmSync(path)
})

t.test('what root gives to who owns the mail, nobody can exchange before', async (t) => {
  const dovecot = await installed()
  const order = { id: '1', home: homes } as Parameters<typeof openPlace>[0]
  await using place = await openPlace(order, dovecot as Parameters<typeof openPlace>[1], {})
  t.match(statSync(place.configuration), { uid: owner.uid, mode: 0o100600 })
  t.match(statSync(dirname(place.configuration)), { uid: 0, mode: 0o40711 })
})

t.test('where the sync state is another’s, root becomes that one for all of the command', async (t) => {
  chownSync(service.dataDir, owner.uid, owner.gid)
  handOver(service.dataDir, owner)
  await mustRun(service, 'sync', '--account', CLEO[0])
  t.match(await rows(service, 'migration', 'show', CLEO[0]), { state: 'synced', attempts: [{ messages: 6 }] })
  await mustRun(service, 'verify', CLEO[0])
  t.same([ownersBelow(metadata), ownersBelow(homes)], [[owner.uid], [owner.uid]])
})

t.test('a link of that one’s, in the place of the sync state, leads root nowhere', async (t) => {
  renameSync(metadata, `${metadata}.kept`)
  symlinkSync(elsewhere, metadata)
  lchownSync(metadata, owner.uid, owner.gid)
  t.match(await service.run(['sync', '--account', CLEO[0]]), { exitCode: 78, stderr: /cannot write in/ })
  t.same(readdirSync(elsewhere), [])
  rmSync(metadata)
  renameSync(`${metadata}.kept`, metadata)
})

t.test('plain OfflineIMAP does so too', async (t) => {
  const plain = await runPlainOfflineimap(service)
  t.match(plain.stdout + plain.stderr, /postferry: m-\d+ complete/)
  t.ok(readdirSync(join(home('dora'), 'Maildir', 'new')).length > 0)
  t.same([ownersBelow(metadata), ownersBelow(homes)], [[owner.uid], [owner.uid]])
})

t.test('doctor tells whose home others own', async (t) => {
  chownSync(home('cleo'), 0, 0)
  const { stdout } = await service.run(['doctor'])
  t.match(stdout, /^fail {2}copying +who copies does not own \S+\/cleo\n +what to do: +chown -R nobody: /m)
  chownSync(home('cleo'), owner.uid, owner.gid)
  t.notMatch((await service.run(['doctor'])).stdout, 'does not own')
})

/** Of what was made below a folder; links are their person's own. */
function ownersBelow(folder: string): number[] {
  const names = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => !entry.isSymbolicLink())
  return [...new Set(names.map((entry) => statSync(join(entry.parentPath, entry.name)).uid))]
}

t.end()

import { createHash } from 'node:crypto'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { lockFolder } from '../../src/files/lock.ts'
import { handOver, runPlainOfflineimap } from '../support/cron.ts'
import { users } from '../support/dovecot-users.ts'
import { mustRun, rows, startFerry } from '../support/ferry.ts'
import { EMIT } from '../support/program.ts'
import { query } from '../support/query.ts'
import { seed } from '../support/seed.ts'
import { runProgram } from '../support/service.ts'
import { startSync, syncOnce } from '../support/sync.ts'

const ANNA = ['anna@old.example', 'Correct-Horse-9'] as const
/** Has no message at the old server. */
const BEN = ['ben@old.example', 'Correct-Horse-8'] as const

const { mail: owner } = await users()
const homes = mkdtempSync(join(tmpdir(), 'postferry-homes-'))
chmodSync(homes, 0o755)
handOver(homes, owner)
t.after(() => rmSync(homes, { recursive: true }))
const ferry = await startFerry(
  Object.fromEntries([ANNA, BEN]),
  { POSTFERRY_HOME: `${homes}/%d/%n` },
  { engine: 'auto' },
)
t.teardown(() => ferry[Symbol.asyncDispose]())
const { old, service } = ferry
const maildir = join(homes, 'old.example/anna/Maildir')
const mirror = join(homes, 'old.example/anna/.postferry/mirror')
await service.passdb(ANNA[0], ANNA[1])

t.test('OfflineIMAP copies where there is no doveadm that is known', async (t) => {
  await seed(old.port, ANNA, 5)
  const strange = join(homes, 'strange')
  mkdirSync(strange)
  writeFileSync(join(strange, 'dovecot'), '#!/bin/sh\necho 9.9.1\n', { mode: 0o755 })
  const sync = startSync(service, ['--once'], { PATH: `${strange}:${service.environment.PATH}` })
  t.equal(await sync.end, 0)
  t.equal(distinct(t), 10)
  t.notOk(existsSync(mirror))
  t.match(await rows(service, 'provider', 'show', 'old'), {
    engine: 'auto',
    copies_with: [/: offlineimap \(Dovecot 9\.9\.1 is not known here: take a 2\.3 or 2\.4\)$/],
  })
})

t.test('doveadm where there is one, which is told', async (t) => {
  await copyMore()
  t.equal(distinct(t), 12)
  t.ok(existsSync(mirror))
  const { copies_with } = await rows(service, 'provider', 'show', 'old')
  t.match(copies_with, [/: doveadm \(Dovecot 2\.\d\S* is here\)$/])
  t.match((await service.run(['doctor'])).stdout, /^ok {4}engine +doveadm copies old: Dovecot 2\.\d\S* is here$/m)
})

t.test('what the person removes or moves here stays so, whichever engine is next', async (t) => {
  const [first = '', second = ''] = files('')
  rmSync(first)
  renameSync(second, join(maildir, '.Sent/cur', second.split('/').at(-1) ?? ''))
  for (const engine of ['offlineimap', 'doveadm', 'offlineimap', 'auto']) {
    const before = distinct(t)
    await mustRun(service, 'provider', 'set', 'old', '--engine', engine)
    await copyMore()
    t.equal(distinct(t), before + 2, engine)
    t.match(await rows(service, 'migration', 'show', ANNA[0]), { state: 'synced', ledger: { clean: true } })
  }
})

t.test('who had nothing there is copied again, gets what comes, and is finished', async (t) => {
  await service.passdb(BEN[0], BEN[1])
  for (const outcome of ['complete', 'unchanged', 'unchanged']) {
    await due()
    t.match(await syncOnce(service), { [BEN[0]]: outcome })
    t.match(await rows(service, 'migration', 'show', BEN[0]), { state: 'synced', code: null })
  }
  await seed(old.port, BEN, 1)
  await due()
  t.match(await syncOnce(service), { [BEN[0]]: 'complete' })
  await mustRun(service, 'migration', 'finish', BEN[0])
  t.match(await rows(service, 'migration', 'show', BEN[0]), { state: 'done' })
})

t.test('plain OfflineIMAP copies them, too, and never while doveadm does', async (t) => {
  await seed(old.port, ANNA, 1)
  const before = distinct(t)
  {
    const { rows: found } = await query(service.dataDir, `select id from migration where address = '${ANNA[0]}'`)
    using copying = await lockFolder(join(service.dataDir, 'offlineimap'), `m-${found[0].id}`)
    t.ok(copying)
    const plain = await runPlainOfflineimap(service)
    t.match(plain.stdout + plain.stderr, /Could not lock account m-/)
    await due()
    t.match(await syncOnce(service), { [ANNA[0]]: 'locked' })
    t.match(await rows(service, 'migration', 'show', ANNA[0]), { state: 'synced', code: null })
    t.equal(distinct(t), before)
  }
  t.equal((await runPlainOfflineimap(service)).exitCode, 0)
  t.equal(distinct(t), before + 2)
  await due()
  t.match(await syncOnce(service), { [ANNA[0]]: 'complete' })
  t.equal(distinct(t), before + 2)
})

t.test('but for whom only doveadm copies', async (t) => {
  await mustRun(service, 'provider', 'set', 'old', '--engine', 'doveadm')
  const emit = (...args: string[]) => runProgram(process.execPath, [EMIT, ...args], service.environment)
  t.notMatch(await emit(), { stdout: /Account m-\d/ })
  t.match(await emit('--provider', 'old'), {
    exitCode: 65,
    stderr: /doveadm copies the mail of old: .* --engine auto, or /,
  })
})

/** What comes to both folders of the old server. */
async function copyMore(): Promise<void> {
  await seed(old.port, ANNA, 1)
  await due()
  t.match(await syncOnce(service), { [ANNA[0]]: 'complete' })
}

const due = () => query(service.dataDir, `update job set due_at = now() where due_at < 'infinity'`)

function files(directory: string): string[] {
  const folder = join(maildir, directory)
  return ['cur', 'new'].flatMap((part) => readdirSync(join(folder, part)).map((name) => join(folder, part, name)))
}

/** How many messages are here, none of them twice. */
function distinct(t: { equal(found: number, wanted: number, what: string): unknown }): number {
  const digests = ['', '.Sent']
    .flatMap(files)
    .map((path) => createHash('sha256').update(readFileSync(path)).digest('hex'))
  t.equal(new Set(digests).size, digests.length, 'nothing is here twice')
  return digests.length
}

t.end()

import { chmodSync, existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { mustRun, rows, startFerry } from '../support/ferry.ts'
import { fileOf } from '../support/ledgers.ts'
import { seed } from '../support/seed.ts'

const ANNA = ['anna@old.example', 'Correct-Horse-9'] as const

const place = mkdtempSync(join(tmpdir(), 'postferry-lost-'))
chmodSync(place, 0o755)
t.after(() => rmSync(place, { recursive: true }))
const inbox = join(place, 'old.example/anna/Maildir')
const sent = join(inbox, '.Sent')

// A disk that forgets, after a run of OfflineIMAP, the names of the messages with this UID: always, or once.
const forgets = join(place, 'forgets')
writeFileSync(
  join(place, 'offlineimap'),
  `#!/bin/sh
/usr/bin/offlineimap "$@"
ended=$?
if read uid once <'${forgets}'; then
  rm -f '${inbox}'/*/*,U=$uid,* '${sent}'/*/*,U=$uid,*
  [ -z "$once" ] || rm '${forgets}'
fi 2>/dev/null
exit $ended
`,
  { mode: 0o755 },
)
const ferry = await startFerry(
  { [ANNA[0]]: ANNA[1] },
  { POSTFERRY_HOME: `${place}/%d/%n`, PATH: `${place}:${process.env.PATH}` },
)
t.teardown(() => ferry[Symbol.asyncDispose]())
const { old, service } = ferry
await seed(old.port, ANNA, 5)
await service.passdb(...ANNA)

const migration = () => rows(service, 'migration', 'show', ANNA[0])
const sync = () => service.run(['sync', '--account', ANNA[0]])
const verify = (...options: string[]) => service.run(['verify', ANNA[0], ...options])
const files = () => {
  const folders = [inbox, sent].flatMap((folder) => ['cur', 'new'].map((part) => join(folder, part)))
  return folders.flatMap((folder) => readdirSync(folder)).length
}

t.test('what a disk forgets again and again is lost, and not removed; a person has to look', async (t) => {
  writeFileSync(forgets, '2\n')
  t.match(await sync(), { exitCode: 75 })
  t.equal(files(), 8)
  t.match(await migration(), {
    ...{ state: 'pending', code: 'ledger-lost', remedy: /check the disk.*migration retry/ },
    ledger: { sentence: /lost: of 10 messages in 2 folders, 2 lost after they were delivered/ },
    // By itself it was copied again, once.
    attempts: [{ outcome: 'ledger-lost', messages: 12 }],
  })
  t.match(await sync(), { exitCode: 75 })
  t.match(await migration(), { attempts: [{ outcome: 'ledger-lost', messages: 0 }, {}] })
  const { exitCode, stdout } = await verify()
  t.equal(exitCode, 65)
  t.match(stdout, /lost +INBOX +2 .*\nlost +Sent +2 /)
  t.match(await service.run(['migration', 'finish', ANNA[0]]), { exitCode: 65, stderr: /2 lost after .*; --force/ })
  await mustRun(service, 'migration', 'resume', ANNA[0])
  t.match(await rows(service, 'report'), { failures: [{ code: 'ledger-lost', people: 1 }] })
})

t.test('retry copies it again, and nothing twice', async (t) => {
  rmSync(forgets)
  await mustRun(service, 'migration', 'retry', ANNA[0])
  t.match(await migration(), { code: null })
  t.match(await sync(), { exitCode: 0 })
  t.equal(files(), 10)
  t.match(await migration(), {
    ...{ state: 'synced', code: null, ledger: { sentence: /clean: all 10 messages in 2 folders are accounted for$/ } },
    attempts: [{ outcome: 'complete', messages: 2 }, {}, {}],
  })
})

t.test('what is lost once comes back by itself; what a ledger has seen stays removed', async (t) => {
  await rm(await fileOf(inbox, '.Sent', 1))
  await seed(old.port, ANNA, 2)
  writeFileSync(forgets, '6 once\n')
  t.match(await sync(), { exitCode: 0 })
  t.notOk(existsSync(forgets), 'it was forgotten')
  t.match(await migration(), {
    ...{ state: 'synced', ledger: { sentence: /clean: all 14 .*; on the new server since: 1 removed$/ } },
    attempts: [{ outcome: 'complete', messages: 6 }, {}, {}, {}],
  })
  t.equal(files(), 13)
})

t.test('--accept takes what is lost as right', async (t) => {
  writeFileSync(forgets, '8\n')
  await seed(old.port, ANNA, 1)
  t.match(await sync(), { exitCode: 75 })
  t.match(await migration(), { state: 'pending', code: 'ledger-lost' })
  t.match(await verify('--accept'), { exitCode: 0 })
  t.match(await sync(), { exitCode: 0 })
  t.match(await migration(), { state: 'synced', code: null })
  t.equal(files(), 13)
})

t.end()

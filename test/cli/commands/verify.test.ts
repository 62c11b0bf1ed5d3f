import { appendFileSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { COMPILED } from '../../support/compiled.ts'
import { runPlainOfflineimap } from '../../support/cron.ts'
import { type Ferry, mustRun, rows, startFerry } from '../../support/ferry.ts'
import { ImapWire } from '../../support/imap-wire.ts'
import { ordinary } from '../../support/ledgers.ts'
import { MAIN } from '../../support/program.ts'
import { runProgram } from '../../support/service.ts'
import { mistakeIn } from '../mistake.ts'

const PEOPLE = { 'anna@old.example': 'pw of anna', 'bert@renamed.example': 'pw of bert' }
const ANNA = 'anna@old.example'
const homes = mkdtempSync(join(tmpdir(), 'postferry-verify-'))
const drafts = join(homes, ANNA, 'Maildir/.Entw&APw-rfe/cur')
let ferry: Ferry

t.before(async () => {
  ferry = await startFerry(PEOPLE, { ...COMPILED, POSTFERRY_HOME: `${homes}/%u` })
  for (const [user, password] of Object.entries(PEOPLE)) {
    await ferry.service.passdb(user, password)
    await using wire = await ImapWire.open({ host: 'localhost', port: ferry.old.port, user, password })
    await wire.command('CREATE Entw&APw-rfe')
    for (const at of [1, 2, 3, 4]) await wire.command('APPEND Entw&APw-rfe (\\Seen) ', ordinary(`draft ${at}`))
    for (const at of [1, 2, 3, 4]) await wire.command('APPEND INBOX ', ordinary(`letter ${at}`))
  }
})
t.after(async () => {
  await ferry[Symbol.asyncDispose]()
  rmSync(homes, { recursive: true })
})

const verify = (...args: string[]) => ferry.service.run(['verify', ...args])
const fileOf = (uid: number) => join(drafts, readdirSync(drafts).find((name) => name.includes(`,U=${uid},`)) ?? '')
const ledgerShown = async () => {
  const { ledger } = await rows(ferry.service, 'migration', 'show', ANNA)
  return ledger && `${ledger.taken_at} ${ledger.sentence}`
}

t.test('before anything is copied, everything is missing and said to be', async (t) => {
  t.equal(await ledgerShown(), null)
  const { exitCode, stdout, stderr } = await verify(ANNA)
  t.equal(exitCode, 65)
  t.match(stdout, /^anna@old\.example: differs: of 8 messages in 2 folders, 8 missing, 2 folders missing/)
  t.match(stdout, /^missing +Entwürfe +1 +<draft 1> +here +nowhere$/m)
  t.match(stderr, /^postferry: anna@old\.example differs: [^\n]*\n$/)
  t.match(await ledgerShown(), /^\d{4}-\S+Z differs: /)
  const show = (...which: string[]) => mustRun(ferry.service, 'migration', 'show', ANNA, ...which)
  t.notMatch(await show(), /^missing /m)
  const part = await show('--differences-from', '4', '--differences-limit', '1')
  t.match(
    part,
    /\nKIND +FOLDER .*\nmissing +INBOX +1 +<letter 1> +here +nowhere\nthe next ones: --differences-from 5\n$/,
  )
  t.match(await show('--differences-from', '8'), /\nno differences there\n$/)
})

t.test('a whole copy is clean, by the old address too', async (t) => {
  t.match(await runPlainOfflineimap(ferry.service), { exitCode: 0 })
  t.match(await verify(ANNA), {
    exitCode: 0,
    stdout:
      /^anna@old\.example: clean: all 8 messages in 2 folders are accounted for\n8 of 8 found byte for byte, 0 of them/,
    stderr: '',
  })
  t.match(await rows(ferry.service, 'verify', 'bert@renamed.example'), {
    ...{ address: 'bert@new.example', clean: true, code: null, messages: 8, proved: 8, fetched: 8, faults: 0 },
    folders: [{ name: 'Entwürfe', directory: '.Entw&APw-rfe', state: 'there', proved: 4 }, { name: 'INBOX' }],
    differences: [],
  })
  const limits = /\nNot compared: the UIDLs of POP3 clients\.\n/
  t.match(await mustRun(ferry.service, 'verify', ANNA), limits, 'also what a clean ledger says nothing about')
  t.match(await mustRun(ferry.service, 'verify', '--help'), limits)
  t.match(await ledgerShown(), /Z clean: all 8 messages/)
  t.match(await mustRun(ferry.service, 'migration', 'show', ANNA), /^ledger +\S+Z clean: /m)
})

t.test("a person's own changes are told and are no fault, even when OfflineIMAP's memory is lost", async (t) => {
  rmSync(fileOf(2))
  const removed = /; on the new server since: 1 removed\n/
  t.match(await verify(ANNA), { exitCode: 0, stdout: removed, stderr: '' })
  t.match(await verify(ANNA, '--strict'), { exitCode: 65, stdout: removed, stderr: /since: 1 removed\n$/ })
  rmSync(join(ferry.service.dataDir, 'offlineimap'), { recursive: true })
  const { exitCode, stdout } = await verify(ANNA, '--json')
  t.equal(exitCode, 0)
  t.match(JSON.parse(stdout), {
    ...{ clean: true, fetched: 8, changes: 1, counts: { removed: 1 } },
    differences: [{ kind: 'removed', folder: 'Entwürfe', uid: 2, message_id: '<draft 2>', now: /proved here before/ }],
  })
})

t.test('an altered message is a fault until an administrator accepts it', async (t) => {
  appendFileSync(fileOf(3), 'more\n')
  const { exitCode, stdout } = await verify(ANNA)
  t.equal(exitCode, 65)
  t.match(stdout, /^Entwürfe +there +4 +2 +1 altered, 1 removed$/m)
  t.match(stdout, /^altered +Entwürfe +3 +<draft 3> +\d+ bytes, SHA-256 /m)
  t.match(stdout, /postferry verify ADDRESS --accept$/m)
  t.match(await verify(ANNA, '--accept'), { exitCode: 0, stdout: /: 2 accepted as they are\n/ })
  t.match(await verify(ANNA), { exitCode: 0, stderr: '' })
})

t.test('progress is one line on a terminal, which is gone in the end', async (t) => {
  const command = `${process.execPath} ${MAIN} verify ${ANNA}`
  const shown = await runProgram('script', ['-qec', command, '/dev/null'], ferry.service.environment)
  const clear = '\r\x1b[K'
  const [before = '', line = '', after = ''] = shown.stdout.split(clear)
  t.match([before, line], ['', /^folder 1 of 2, \d+ of about 8 messages /])
  t.match(after, /^anna@old\.example: clean/)
})

t.test('what cannot be asked is no ledger: each cause has its exit code', async (t) => {
  const before = await ledgerShown()
  const withoutIdentity = { ...ferry.service.environment, POSTFERRY_IDENTITY_FILE: '/nowhere/identity' }
  t.match(await mistakeIn(['verify', ANNA], withoutIdentity), { exitCode: 78, line: /IDENTITY_FILE/ })
  t.match(await mistakeIn(['verify', 'nobody@old.example'], ferry.service.environment), { exitCode: 65 })
  await mustRun(ferry.service, 'migration', 'pause', ANNA)
  t.match(await verify(ANNA), { exitCode: 69, stdout: '', stderr: /is paused: its credential is not opened/ })
  await mustRun(ferry.service, 'migration', 'resume', ANNA)
  await ferry.old.setPassword(ANNA, 'another')
  t.match(await verify(ANNA), { exitCode: 77, stdout: '', stderr: /refuses the password \(postferry migration set-pa/ })
  await ferry.old.setPassword(ANNA, PEOPLE[ANNA])
  await ferry.old.stop()
  t.match(await verify(ANNA), { exitCode: 75, stdout: '', stderr: /^postferry: [^\n]*old-unreachable[^\n]*\n$/ })
  await ferry.old.start()
  t.equal(await ledgerShown(), before)
})

t.end()

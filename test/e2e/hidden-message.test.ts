import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { mustRun, rows } from '../support/ferry.ts'
import { startScriptedMailbox } from '../support/scripted-mailbox.ts'
import { startService } from '../support/service.ts'

const ANNA = ['anna@old.example', 'Correct-Horse-9'] as const
const FIVE = [1, 2, 3, 4, 5].map((number) => ({ uid: number, body: `Subject: ${number}\r\n\r\n${number}\r\n` }))

const homes = mkdtempSync(join(tmpdir(), 'postferry-homes-'))
chmodSync(homes, 0o755)
t.after(() => rmSync(homes, { recursive: true }))
let isHiding = true
const old = await startScriptedMailbox({
  messages: FIVE,
  tell: ({ number, usual }) => (isHiding && number === 3 ? '' : usual),
})
t.teardown(() => old[Symbol.asyncDispose]())
const service = await startService({ POSTFERRY_HOME: `${homes}/%d/%n` })
t.teardown(() => service[Symbol.asyncDispose]())
const way = ['--host', '127.0.0.1', '--port', `${old.port}`, '--tls', 'none', '--engine', 'offlineimap']
await mustRun(service, 'provider', 'add', 'old', ...way)
await mustRun(service, 'domain', 'add', 'old.example', '--provider', 'old')
t.match(await service.passdb(...ANNA), { status: 200 })

const sync = () => service.run(['sync', '--account', ANNA[0]])
const verify = (...options: string[]) => service.run(['verify', ANNA[0], ...options])
const finish = () => service.run(['migration', 'finish', ANNA[0]])
const migration = () => rows(service, 'migration', 'show', ANNA[0])

t.test('a message that source counts and shows to nobody is named, and nobody is finished without it', async (t) => {
  t.match(await sync(), { exitCode: 75 })
  t.match(await migration(), {
    ...{
      state: 'pending',
      code: 'ledger-differs',
      ledger: { sentence: /differs: of 5 messages in 1 folders, 1 not handed over/ },
    },
    // OfflineIMAP has not seen it.
    attempts: [{ outcome: 'ledger-differs', messages: 4 }],
  })
  const { exitCode, stdout } = await verify()
  t.equal(exitCode, 65)
  t.match(stdout, /unreadable +INBOX +- +- +counted as number 3 of 5, not listed/)
  t.match(await finish(), { exitCode: 65, stderr: /1 not handed over by the old server: .*; --force/ })
  t.equal((await service.run(['migration', 'resume', ANNA[0]])).exitCode, 0)
  t.match(await migration(), { state: 'pending' })
})

t.test(
  'it is copied when the source shows it again, and was not taken for one that the person has removed',
  async (t) => {
    isHiding = false
    t.match(await verify(), { exitCode: 65, stdout: /missing +INBOX +3 / })
    t.match(await sync(), { exitCode: 0 })
    t.match(await migration(), { state: 'synced', ledger: { sentence: /clean: all 5 messages/ } })
  },
)

t.test('an administrator can accept that it is lost at the source, and no other', async (t) => {
  isHiding = true
  t.match(await verify(), { exitCode: 65 })
  t.match(await verify('--accept'), { exitCode: 0, stdout: /1 accepted as they are/ })
  t.match(await verify(), { exitCode: 0 })
  t.match(await finish(), { exitCode: 0, stdout: /done now; the ledger of .* is clean/ })
})

t.end()

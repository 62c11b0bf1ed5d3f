import { chmodSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { handOver } from '../support/cron.ts'
import { users } from '../support/dovecot-users.ts'
import { moveProvider, mustRun, rows, startFerry } from '../support/ferry.ts'
import { ImapWire } from '../support/imap-wire.ts'
import { query } from '../support/query.ts'
import { startRelay } from '../support/relay.ts'
import { syncOnce } from '../support/sync.ts'

const MESSAGES = 30
const BYTES = 40_000
/** A third of all. */
const LIMIT = (MESSAGES * BYTES) / 3
const PEOPLE = { doveadm: 'anna', offlineimap: 'bert' } as const
const ROUND_TRIP_MS = 40
const SECRET = 'Correct-Horse-9'

const homes = mkdtempSync(join(tmpdir(), 'postferry-homes-'))
chmodSync(homes, 0o755)
handOver(homes, (await users()).mail)
t.after(() => rmSync(homes, { recursive: true }))
const names = Object.values(PEOPLE).map((name) => `${name}@old.example`)
const ferry = await startFerry(Object.fromEntries(names.map((name) => [name, SECRET])), {
  POSTFERRY_HOME: `${homes}/%d/%n`,
})
t.teardown(() => ferry[Symbol.asyncDispose]())
const { old, service } = ferry
// OfflineIMAP goes on until it is told that the day's bytes are spent: so near, it would have half a mailbox by then.
const relay = await startRelay(old.tlsPort, undefined, ROUND_TRIP_MS)
t.teardown(() => relay[Symbol.asyncDispose]())
await moveProvider(service, 'old', relay.port)

for (const [engine, person] of Object.entries(PEOPLE)) {
  t.test(`${engine} brings a mailbox in as many days as it takes, and each message once`, async (t) => {
    await comes(person)
    await mustRun(service, 'provider', 'set', 'old', '--engine', engine, '--daily-bytes', `${LIMIT}`)
    t.match(await rows(service, 'provider', 'show', 'old'), { daily_bytes: LIMIT })
    let before = -1
    let days = 1
    for (; (await state(person)).state !== 'synced' && days < 10; days++) {
      const { outcome } = await attempt(person)
      const here = messagesHere(person)
      t.ok(here > before || here === MESSAGES, `day ${days}: ${here} messages, after ${before}`)
      if (outcome === 'complete') break
      await deferred(t, person)
      t.equal((await attempt(person)).outcome, 'old-spent', 'the same day there are no more')
      t.equal(messagesHere(person), here)
      before = here
      await query(service.dataDir, 'update source_bytes set day = day - 1')
    }
    t.ok(days > 2, `${days} days`)
    t.match(await state(person), { state: 'synced', ledger: { clean: true, extra: 0, duplicated: 0 }, failures: 0 })
    t.equal(messagesHere(person), MESSAGES)
  })
}

/** It is no failure, and the rest comes tomorrow. */
async function deferred(t: Test, person: string): Promise<void> {
  const shown = await state(person)
  t.match(shown, { state: 'pending', code: null, failures: 0, last_outcome: 'old-spent' })
  t.ok(shown.read_today >= LIMIT, `${shown.read_today} bytes`)
  t.ok(shown.read_today < LIMIT + 10 * BYTES, `${shown.read_today} bytes`)
  const midnight = new Date().setUTCHours(24, 0, 0, 0)
  const due = Date.parse(shown.next_attempt_at)
  t.ok(due > midnight - 60_000 && due < midnight + 3_600_000, shown.next_attempt_at)
}

async function comes(person: string): Promise<void> {
  const user = `${person}@old.example`
  await using wire = await ImapWire.open({ host: 'localhost', port: old.port, user, password: SECRET })
  for (let number = 0; number < MESSAGES; number++) {
    const line = `${number} `.repeat(30)
    const lines = `${line}\r\n`.repeat(Math.ceil(BYTES / line.length))
    await wire.command('APPEND INBOX ', Buffer.from(`Message-ID: <${number}@old.example>\r\n\r\n${lines}`))
  }
  await service.passdb(user, SECRET)
}

async function attempt(person: string): Promise<{ outcome: string | undefined }> {
  await query(service.dataDir, 'update job set due_at = now()')
  const outcomes = await syncOnce(service)
  return { outcome: outcomes[`${person}@old.example`] }
}

async function state(person: string) {
  return await rows(service, 'migration', 'show', `${person}@old.example`)
}

function messagesHere(person: string): number {
  return ['cur', 'new'].reduce((sum, part) => {
    try {
      return sum + readdirSync(join(homes, 'old.example', person, 'Maildir', part)).length
    } catch {
      return sum
    }
  }, 0)
}

t.end()

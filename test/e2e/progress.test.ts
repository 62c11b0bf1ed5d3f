import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { handOver } from '../support/cron.ts'
import { users } from '../support/dovecot-users.ts'
import { mustRun, rows, startFerry } from '../support/ferry.ts'
import { ImapWire } from '../support/imap-wire.ts'
import { seed } from '../support/seed.ts'
import { ask } from '../support/service.ts'
import { startSync } from '../support/sync.ts'
import { until } from '../support/until.ts'

const ANNA = ['anna@old.example', 'Correct-Horse-9'] as const
const BEN = ['ben@old.example', 'Battery-Staple-7'] as const

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
await seed(old.port, ANNA, 40)
await service.passdb(ANNA[0], ANNA[1])

t.test('who is copied is shown with folder, messages, bytes and what is left', async (t) => {
  // What stands in for doveadm has brought the messages, and does not end yet.
  const folder = join(homes, 'programs')
  const go = join(homes, 'go')
  mkdirSync(folder)
  const script = `PATH="\${PATH#*:}" doveadm "$@"; code=$?; until [ -e ${go} ]; do sleep 0.1; done; exit $code`
  writeFileSync(join(folder, 'doveadm'), `#!/bin/sh\n${script}\n`, { mode: 0o755 })
  const sync = startSync(service, ['--once'], { PATH: `${folder}:${service.environment.PATH}` })
  const running = async () => (await rows(service, 'report', '--now')).running[0]?.progress ?? null
  await until(async () => (await running())?.messages === 80, 'all are brought')
  const progress = await running()
  t.match(progress, {
    step: 'copying',
    folder: Number,
    folders: 2,
    of_messages: 80,
    messages_per_second: Number,
    seconds_left: Number,
  })
  t.equal(progress.bytes, progress.of_bytes, 'the old server tells sizes')
  t.match((await rows(service, 'migration', 'show', ANNA[0])).attempts[0].progress, { messages: 80, of_messages: 80 })
  t.match(
    await mustRun(service, 'migration', 'show', ANNA[0]),
    /^Now: folder [12] of 2, 80 of 80 messages, .* MB of .* MB, /m,
  )
  t.match(await mustRun(service, 'report', '--now'), /anna@old\.example +old .* folder [12] of 2, 80 of 80 messages/)
  writeFileSync(go, '')
  t.equal(await sync.end, 0)
  t.equal((await rows(service, 'migration', 'show', ANNA[0])).attempts[0].progress, null)
})

t.test('monitoring sees what came from the old server, by engine', async (t) => {
  const total = async (engine: string) => {
    const { body } = await ask(service.url, '/metrics', 'GET', undefined, {})
    const of = (what: string) =>
      new RegExp(`^postferry_copied_${what}_total{provider="old",engine="${engine}"} (\\d+)$`, 'm')
    return ['messages', 'bytes'].map((what) => of(what).exec(body)?.[1])
  }
  // A look at the database serves for some seconds.
  const [messages, bytes] = await until(async () => {
    const seen = await total('doveadm')
    return seen[0] !== undefined && seen
  }, 'it is counted')
  t.same([messages, Number(bytes)], ['80', await sizeOf(ANNA)])
  await mustRun(service, 'provider', 'set', 'old', '--engine', 'offlineimap')
  await seed(old.port, BEN, 40)
  await service.passdb(BEN[0], BEN[1])
  t.equal(await startSync(service, ['--once']).end, 0)
  await until(async () => (await total('offlineimap'))[0] === '80', 'the other engine counts, too')
  t.same(await total('offlineimap'), ['80', String(await sizeOf(BEN))])
  t.same(await total('doveadm'), ['80', bytes])
})

/** Of all of somebody's messages, as the old server says. */
async function sizeOf([user, password]: readonly [string, string]): Promise<number> {
  await using wire = await ImapWire.open({ host: 'localhost', port: old.port, user, password })
  const sizes = ['INBOX', 'Sent'].map(async (name) => {
    const answers = await wire.command('STATUS ', Buffer.from(name), ' (SIZE)')
    return Number(/SIZE (\d+)/.exec(answers.map(({ line }) => line).join())?.[1])
  })
  return (await Promise.all(sizes)).reduce((all, one) => all + one, 0)
}

t.end()

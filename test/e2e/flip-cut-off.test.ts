import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { OWN } from '../support/debian.ts'
import { startDebianPostgres } from '../support/debian-postgres.ts'
import { mustRun, rows } from '../support/ferry.ts'
import { freePort } from '../support/loopback.ts'
import { type MailWorld, startMailWorld } from '../support/mail-world.ts'
import { type Relay, startRelay } from '../support/relay.ts'
import { type RunningService, startService } from '../support/service.ts'
import { startSync } from '../support/sync.ts'
import { until } from '../support/until.ts'

// One of two services loses the database, which a relay stands before. What it has asked, and what the database has said,
// arrives when the relay goes on: late.

const IN_HOLD = 'hold@old.example'
const BEFORE = 'before@old.example'
const PASSWORD = 'a password'
const PEOPLE = { [IN_HOLD]: PASSWORD, [BEFORE]: PASSWORD }
/** So many ask at a time. */
const ASKING = 4

t.test('a service that is cut off from the database sends nobody to the source who is here', async (t) => {
  await using postgres = await startDebianPostgres()
  await using relay = await startRelay(Number(new URL(postgres.url).port))
  const service = { DATABASE_URL: postgres.url }
  await using world = await startMailWorld({ debian: OWN, people: PEOPLE, isProxied: true, service })
  for (const who of [IN_HOLD, BEFORE]) t.match(await world.signIn(who, PASSWORD), /^OK /)
  await using other = await second(world, postgres.url, relay)
  const ready = startSync(world.ferry.service, ['--once'])
  t.equal(await ready.end, 0, ready.stderr)
  await t.test('when it has confirmed the hold', (t) => inHold(t, world, other, relay))
  await t.test('when it had read the route before', (t) => before(t, world, other, relay))
})

async function second({ ferry: { service } }: MailWorld, url: string, relay: Relay): Promise<RunningService> {
  const throughRelay = new URL(url)
  throughRelay.port = `${relay.port}`
  return await startService({
    DATABASE_URL: `${throughRelay}`,
    POSTFERRY_RECIPIENTS: readFileSync(join(service.dataDir, 'recipients'), 'utf8').trim(),
    POSTFERRY_HOME: service.environment.POSTFERRY_HOME,
    POSTFERRY_SOCKETMAP_PORT: `${await freePort()}`,
  })
}

async function inHold(t: Test, world: MailWorld, other: RunningService, relay: Relay): Promise<void> {
  const { service } = world.ferry
  await until(async () => (await kindOf(other, IN_HOLD)) === 'source', 'the other one knows of them')
  const moves = heldUp('mv', '*/mirror/*')
  t.teardown(moves.remove)
  await mustRun(service, 'migration', 'flip', IN_HOLD)
  const sync = startSync(service, ['--account', IN_HOLD], { PATH: moves.PATH })
  await until(() => existsSync(moves.reached), `it is about to move: ${sync.stderr}`)
  const asking = new Asking(other, IN_HOLD)
  await until(() => asking.begun >= ASKING, 'somebody waits there')
  relay.freeze()
  moves.goOn()
  t.equal(await sync.end, 0, sync.stderr)
  await comesBack(t, world, IN_HOLD, asking, relay)
}

/** It has not confirmed, so that nobody is flipped until it counts as gone. */
async function before(t: Test, world: MailWorld, other: RunningService, relay: Relay): Promise<void> {
  const { service } = world.ferry
  const asking = new Asking(other, BEFORE)
  await until(() => asking.seen.includes('source'), 'the other one sends them to the source')
  relay.freeze()
  const { attempts } = await until(async () => {
    await mustRun(service, 'migration', 'flip', BEFORE)
    await startSync(service, ['--account', BEFORE]).end
    const migration = await rows(service, 'migration', 'show', BEFORE)
    return migration.route === 'destination' && migration
  }, 'the flip')
  const told = (attempts as { output: string }[]).map(({ output }) => output)
  t.ok(told.some((output) => /does not confirm that it holds/.test(output)))
  await comesBack(t, world, BEFORE, asking, relay)
}

/** From the flip on it says nothing, and then where they are. */
async function comesBack(t: Test, world: MailWorld, who: string, asking: Asking, relay: Relay): Promise<void> {
  t.match(await rows(world.ferry.service, 'migration', 'show', who), { route: 'destination' })
  const flippedAt = asking.seen.length
  await until(() => asking.seen.length >= flippedAt + 2 * ASKING, 'it is asked without the database')
  const alone = new Set(asking.seen.slice(flippedAt))
  t.same([...alone], ['nothing'], 'without the database it says nothing')
  const returnedAt = asking.seen.length
  relay.thaw()
  await until(
    () => asking.seen.slice(returnedAt).filter((kind) => kind === 'destination').length > ASKING,
    'it is back',
  )
  await asking.end()
  t.notOk(asking.seen.slice(returnedAt).includes('source'), 'it never sends them to the source again')
}

type Kind = 'source' | 'destination' | 'nothing'

async function kindOf(service: RunningService, who: string): Promise<Kind> {
  const { status, body } = await service.passdb(who, PASSWORD)
  if (status === 503) return 'nothing'
  if (status !== 200) throw new Error(`an answer that nobody expects: ${status} ${JSON.stringify(body)}`)
  return body.fields.proxy === undefined ? 'destination' : 'source'
}

/** Some sign in at a service, again and again. */
class Asking {
  readonly seen: Kind[] = []
  begun = 0
  #isOver = false
  readonly #asking: Promise<void>[]

  constructor(service: RunningService, who: string) {
    this.#asking = Array.from({ length: ASKING }, async () => {
      while (!this.#isOver) {
        this.begun++
        this.seen.push(await kindOf(service, who))
        await pause(10)
      }
    })
  }

  async end(): Promise<void> {
    this.#isOver = true
    await Promise.all(this.#asking)
  }
}

function heldUp(program: string, pattern: string) {
  const folder = mkdtempSync(join(tmpdir(), 'postferry-programs-'))
  chmodSync(folder, 0o777)
  const reached = join(folder, 'reached')
  const script = `#!/bin/sh
PATH="\${PATH#*:}"
case "$*" in ${pattern}) touch ${reached}; while [ ! -e ${reached}.go ]; do sleep 0.05; done;; esac
exec ${program} "$@"
`
  writeFileSync(join(folder, program), script, { mode: 0o755 })
  chmodSync(join(folder, program), 0o755)
  return {
    PATH: `${folder}:${process.env.PATH}:/usr/sbin`,
    reached,
    goOn: () => writeFileSync(`${reached}.go`, ''),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  }
}

t.end()

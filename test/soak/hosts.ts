// Two hosts for sign-ins, each with homes of its own for newcomers, two copying hosts, a database, an old server and a new
// Dovecot: each with an address of its own, and two of them with a clock that is 90 s ahead. Whatever fails, people come, and
// are copied.
import { execFileSync } from 'node:child_process'
import { chmodSync, chownSync, globSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { bothDebians, type Debian, debian } from '../support/debian.ts'
import { startDebianPostgres } from '../support/debian-postgres.ts'
import { startNew } from '../support/destination.ts'
import { type Host, Network } from '../support/network.ts'
import { PostferryOn } from '../support/postferry-on.ts'
import { runPostferry } from '../support/service.ts'
import { signIn } from '../support/sign-in.ts'
import { startSource } from '../support/source-server.ts'
import { until } from '../support/until.ts'

const IS_LONG = process.env.POSTFERRY_SOAK !== undefined
const TROUBLE_SECONDS = IS_LONG ? 30 : 5
const NEWCOMERS = IS_LONG ? 20 : 4
const MESSAGES = IS_LONG ? 60 : 20
const CONNECTIONS = 6
const AHEAD_SECONDS = 90
const TOKEN = 'token-of-all-hosts-for-sign-ins-of-this-test'
const passwordOf = (person: string) => `secret of ${person}`

t.setTimeout(1_800_000)

for (const destination of bothDebians().slice(0, IS_LONG ? 2 : 1)) {
  t.test(`hosts that fail, with Dovecot ${destination.dovecot}`, (t) => hostsFail(t, destination))
}

async function hostsFail(t: Test, destination: Debian): Promise<void> {
  const network = new Network()
  t.teardown(() => network[Symbol.dispose]())
  const world = await startWorld(network, destination)
  t.teardown(() => world[Symbol.asyncDispose]())
  const { postgres, serving, copying } = world

  t.test('people sign in and are copied', async (t) => {
    const [ahead, right] = await Promise.all(serving.map(({ host }) => clockOf(host)))
    t.ok(Math.abs((ahead ?? 0) - (right ?? 0) - AHEAD_SECONDS * 1_000) < 20_000, 'the clocks of the two differ')
    await isCalm(t, world)
  })

  t.test('one of those who answer sign-ins is killed: the other one answers, and nobody notices', async (t) => {
    await serving[0].postferry.end('SIGKILL')
    await isCalm(t, world)
    serving[0].postferry.start()
  })

  t.test('and so when it is cut off, until it is back', async (t) => {
    await world.answers(serving[0].host)
    for (const { host } of IS_LONG ? serving : serving.slice(0, 1)) {
      host.cutOff()
      await isCalm(t, world)
      host.join()
    }
  })

  t.test('the database is started anew: who comes meanwhile is told to try again, and then let in', async () => {
    await hears(world, async () => {
      await postgres.stop()
      await postgres.start()
    })
  })

  t.test(`and so while it is cut off for ${TROUBLE_SECONDS} s`, async () => {
    await hears(world, async () => {
      world.database.cutOff()
      await pause(TROUBLE_SECONDS * 1_000)
      world.database.join()
    })
  })

  t.test(
    'one of those who copy is killed in the middle: the other one goes on, and so does it when it is back',
    async (t) => {
      const [killed, other] = copying
      const coming = world.come(NEWCOMERS)
      const at = killed.events.length
      await until(() => isAtWork(killed, at), 'it copies')
      await killed.end('SIGKILL')
      await coming
      await world.come(NEWCOMERS)
      const ended = other.events.length
      await until(() => other.events.slice(ended).some(({ event }) => event === 'ended'), 'the other one copies')
      killed.start()
      await world.areCopied()
      t.pass()
    },
  )

  t.test('in the end nobody was refused, nothing is there twice, nothing is lost', async (t) => {
    await world.leave()
    t.same(world.refused, [])
    t.same(world.admitted, [], 'nobody came in with a wrong password')
    const { rows: accounts } = await postgres.query(
      `select (select count(*)::int from account) as accounts, (select count(*)::int from migration) as migrations`,
    )
    t.same(accounts, [{ accounts: world.people.length, migrations: world.people.length }])
    t.same(
      world.people.map((person) => [person, world.messagesHere(person)]),
      world.people.map((person) => [person, MESSAGES]),
    )
    t.same(readdirSync(world.homeRoot).sort(), ['0', '1'], 'both hosts for sign-ins have let newcomers in')
    t.ok(world.mostConnections > 0 && world.mostConnections <= CONNECTIONS, `${world.mostConnections} connections`)
    t.comment(`${world.people.length} people, ${world.signIns} sign-ins, ${world.mostConnections} connections at most`)
    for (const { log } of [...serving.map(({ postferry }) => postferry), ...copying]) t.notMatch(log, /secret of/)
  })
}

type World = Awaited<ReturnType<typeof startWorld>>

/** Newcomers and those who are known are let in now, at the first try or after "try again". */
async function isCalm(t: Test, world: World): Promise<void> {
  const before = world.signIns
  await world.come(NEWCOMERS)
  await until(() => world.signIns > before + 10, 'those who are known sign in, too')
  t.pass()
}

async function clockOf({ address }: Host): Promise<number> {
  const { headers } = await fetch(`http://${address}:8025/livez`)
  return Date.parse(headers.get('date') ?? '')
}

/** What happens in the meantime keeps newcomers waiting, and no longer. */
async function hears(world: World, meanwhile: () => Promise<unknown>): Promise<void> {
  await Promise.all([world.come(NEWCOMERS), meanwhile()])
  await world.come(NEWCOMERS)
}

function isAtWork({ events }: PostferryOn, from: number): boolean {
  const addresses = (kind: string) => events.filter(({ event }) => event === kind).map(({ address }) => address)
  const ended = addresses('ended')
  return events.slice(from).some(({ event, address }) => event === 'begun' && !ended.includes(address))
}

async function startWorld(network: Network, { release }: Debian) {
  await using made = new AsyncDisposableStack()
  const folder = mkdtempSync(join(tmpdir(), 'postferry-hosts-'))
  chmodSync(folder, 0o755)
  made.defer(() => rmSync(folder, { recursive: true }))
  const inFolder = (name: string, content?: string) => {
    const path = join(folder, name)
    if (content === undefined) mkdirSync(path)
    else writeFileSync(path, content, { mode: 0o644 })
    return path
  }
  const database = network.host('db')
  const on = (host: Host, release: 12 | 13, ...more: string[]) => {
    const { enter, ...rest } = debian(release)
    return { ...rest, enter: [...host.enter, ...enter, ...more] }
  }
  const postgres = made.use(await startDebianPostgres({ debian: on(database, 12), address: database.address }))

  const all = Array.from({ length: 12 * NEWCOMERS }, (_, at) => `p${at}@old.example`)
  const oldHost = network.host('old')
  const old = made.use(
    await startSource({
      people: Object.fromEntries(all.map((person) => [person, passwordOf(person)])),
      ...{ debian: on(oldHost, 12), address: oldHost.address },
    }),
  )
  for (const person of all) fill(join(old.home(person), 'mail'), old.mailOwner)

  const serveHosts = [network.host('a'), network.host('b')] as const
  const copyHosts = [network.host('c'), network.host('d')] as const
  const homeRoot = join(folder, 'homes')
  const common = {
    ...{ DATABASE_URL: postgres.url, POSTFERRY_SETTINGS_FILE: '', POSTFERRY_IDENTITY_FILE: '' },
  }
  const administrator = { ...common, PATH: process.env.PATH, POSTFERRY_DATA_DIR: inFolder('administrator') }
  const run = async (...args: string[]) => {
    const { exitCode, stdout, stderr } = await runPostferry(args, administrator)
    if (exitCode !== 0) throw new Error(`postferry ${args.join(' ')} (${exitCode}): ${stderr}`)
    return stdout
  }
  const identity = join(folder, 'identity')
  administrator.POSTFERRY_IDENTITY_FILE = identity
  const [recipient] = /age1\w+/.exec(await run('key', 'init')) ?? []
  await run('upgrade')
  const tls = ['--port', `${old.tlsPort}`, '--fingerprint', old.fingerprint]
  const budget = ['--max-connections', `${CONNECTIONS}`]
  await run('provider', 'add', 'old', '--host', oldHost.address, ...tls, ...budget)
  await run('domain', 'add', 'old.example', '--provider', 'old')

  const serving = serveHosts.map((host, at) => {
    const environment = {
      ...{ ...common, POSTFERRY_DATA_DIR: inFolder(`serve-${at}`), POSTFERRY_RECIPIENTS: recipient },
      ...{ POSTFERRY_HOST: host.address, POSTFERRY_PORT: '8025', POSTFERRY_PLAIN_HTTP: 'yes' },
      ...{ POSTFERRY_AUTH_TOKEN_FILE: join(folder, 'token'), POSTFERRY_HOME: `${homeRoot}/${at}/%d/%n` },
    }
    return { host, postferry: new PostferryOn(host, ['serve'], environment, at === 0 ? AHEAD_SECONDS : 0) }
  }) as [Serving, Serving]
  writeFileSync(join(folder, 'token'), `${TOKEN}\n`, { mode: 0o600 })

  const copying = copyHosts.map((host, at) => {
    const environment = {
      ...{ ...common, POSTFERRY_DATA_DIR: inFolder(`sync-${at}`), POSTFERRY_IDENTITY_FILE: identity },
      POSTFERRY_RECIPIENTS: recipient,
    }
    const args = ['sync', '--json', '--slots', '2']
    return new PostferryOn(host, args, environment, at === 0 ? AHEAD_SECONDS : 0)
  }) as [PostferryOn, PostferryOn]

  const newHost = network.host('new')
  const names = serveHosts.map(({ address }) => `${address} postferry.example\n`).join('')
  const hosts = inFolder('hosts', `127.0.0.1 localhost\n${names}`)
  const known = ['unshare', '--mount', 'sh', '-euc', 'mount --bind "$0" /etc/hosts && exec "$@"', hosts]
  const dovecot = made.use(
    await startNew({
      ...{ passdb: 'lua', url: 'http://postferry.example:8025', token: TOKEN, homeRoot },
      ...{ debian: on(newHost, release, ...known), address: newHost.address },
    }),
  )
  made.defer(async () => {
    for (const one of [...serving.map(({ postferry }) => postferry), ...copying]) await one.end('SIGKILL')
  })
  const answers = async (host: Host) => {
    const isReady = () =>
      fetch(`http://${host.address}:8025/readyz`, { signal: AbortSignal.timeout(1_000) }).then(
        ({ ok }) => ok,
        () => false,
      )
    await until(isReady, `${host.address} is ready`)
  }
  for (const { postferry } of serving) postferry.start()
  for (const { host } of serving) await answers(host)
  for (const one of copying) one.start()

  const waiting = [...all]
  const world = {
    ...{ postgres, database, serving, copying, answers, homeRoot },
    people: [] as string[],
    refused: [] as string[],
    admitted: [] as string[],
    signIns: 0,
    mostConnections: 0,
    /** So many people sign in for the first time. Resolves when all of them are in. */
    async come(count: number) {
      const coming = waiting.splice(0, count)
      await Promise.all(coming.map((person) => until(() => world.tries(person), `${person} is let in`)))
      world.people.push(...coming)
    },
    /** Whether the person is let in; "try again" is no refusal. */
    async tries(person: string) {
      const answer = await signIn(dovecot.port, person, passwordOf(person), undefined, newHost.address)
      if (answer.startsWith('OK')) world.signIns++
      else if (!answer.includes('[UNAVAILABLE]')) world.refused.push(`${person}: ${answer}`)
      return answer.startsWith('OK')
    },
    async areCopied() {
      let left: { state: string }[] = []
      const areSynced = async () => {
        const rows = JSON.parse(await run('migration', 'list', '--json')) as { state: string }[]
        left = rows.filter(({ state }) => state !== 'synced')
        return rows.length === world.people.length && left.length === 0
      }
      await until(areSynced, 'all are copied').catch((error: Error) => {
        const logs = copying.map(({ log, events }) => `${log.slice(-2_000)}\n${JSON.stringify(events.slice(-3))}`)
        throw new Error(`${error.message}: ${JSON.stringify(left.slice(0, 3))}\n${logs.join('\n')}`)
      })
    },
    messagesHere(person: string) {
      const [local = ''] = person.split('@')
      return globSync(`*/old.example/${local}/Maildir/{new,cur}/*`, { cwd: homeRoot }).length
    },
    /** Those who are known stop to sign in. */
    leave: async () => undefined as unknown,
    async [Symbol.asyncDispose]() {
      await world.leave()
      await stack.disposeAsync()
    },
  }
  const stack = made.move()

  const left = new AbortController()
  const regulars = Promise.all([
    repeated(left.signal, async (round) => {
      const person = world.people[round % world.people.length]
      if (person !== undefined) await world.tries(person)
    }),
    repeated(left.signal, async (round) => {
      const person = world.people[round % world.people.length]
      if (person === undefined || round % 50 !== 0) return
      const answer = await signIn(dovecot.port, person, 'wrong', undefined, newHost.address)
      if (answer.startsWith('OK')) world.admitted.push(person)
    }),
    repeated(left.signal, async () => {
      const [program = '', ...enter] = oldHost.enter
      const list = ['ss', '-Htn', 'state', 'established', `sport = :${old.tlsPort}`]
      const lines = execFileSync(program, [...enter, ...list], { encoding: 'utf8' }).split('\n').length - 1
      world.mostConnections = Math.max(world.mostConnections, lines)
    }),
  ])
  world.leave = () => {
    left.abort()
    return regulars
  }
  return world
}

interface Serving {
  readonly host: Host
  readonly postferry: PostferryOn
}

async function repeated(signal: AbortSignal, act: (round: number) => Promise<unknown>): Promise<void> {
  for (let round = 0; !signal.aborted; round++) {
    await act(round)
    await pause(100)
  }
}

function fill(maildir: string, { uid, gid }: { uid: number; gid: number }): void {
  for (const name of ['', 'cur', 'new', 'tmp']) mkdirSync(join(maildir, name), { recursive: true })
  for (let number = 0; number < MESSAGES; number++) {
    const text = `From: ben@old.example\nMessage-ID: <${number}@old.example>\nSubject: ${number}\n\nHello ${number}\n`
    writeFileSync(join(maildir, 'cur', `${1_700_000_000 + number}.${number}.old:2,S`), text)
  }
  const paths = readdirSync(maildir, { recursive: true, encoding: 'utf8' }).map((name) => join(maildir, name))
  for (const path of [join(maildir, '..'), maildir, ...paths]) chownSync(path, uid, gid)
}

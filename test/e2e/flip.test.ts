import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { bothDebians, type Debian } from '../support/debian.ts'
import { mustRun, rows } from '../support/ferry.ts'
import { type ImapAccount, ImapWire } from '../support/imap-wire.ts'
import { type MailWorld, startMailWorld } from '../support/mail-world.ts'
import { messageId } from '../support/message-id.ts'
import { type Sync, startSync } from '../support/sync.ts'
import { until } from '../support/until.ts'

const ANNA = 'anna@old.example'
const BEN = 'ben@old.example'
const PASSWORDS = { [ANNA]: 'pw of anna', [BEN]: 'pw of ben' }

/** Of the old server. */
const SEPARATORS = { '2.3': '.', '2.4': '/' } as const

/** How often a message comes, and a mail program does something. */
const EVERY_MS = 100

for (const debian of bothDebians()) {
  t.test(`people move to a Dovecot ${debian.dovecot}, and nobody notices`, async (t) => {
    const separator = SEPARATORS[debian.dovecot]
    const settings = { debian, separator, people: PASSWORDS, isProxied: true, trusted: '127.0.0.1' } as const
    await using world = await startMailWorld(settings)
    const folder = `Archive${separator}2019`
    await t.test('who has signed in works on the old server, and so does the mail', (t) => proxied(t, world, folder))
    const sync = startSync(world.ferry.service, [], {}, debian)
    await t.test('a mirror grows, and is ready', (t) => ready(t, world, sync))
    await t.test('a flip under delivery and two clients loses nothing', (t) => flips(t, world, debian, sync))
    sync.kill('SIGTERM')
    t.equal(await sync.end, 0, sync.stderr)
  })
}

const atNew = (world: MailWorld, user: string): ImapAccount => ({
  ...{ host: 'localhost', port: world.dovecot.port, user, password: PASSWORDS[user as keyof typeof PASSWORDS] },
})
const atOld = (world: MailWorld, user: string): ImapAccount => ({ ...atNew(world, user), port: world.ferry.old.port })

async function proxied(t: Test, world: MailWorld, folder: string): Promise<void> {
  t.match(await world.signIn(ANNA, PASSWORDS[ANNA]), /^OK /)
  t.match(await world.signIn(ANNA, 'wrong'), /^NO \[AUTHENTICATIONFAILED\]/)
  await using wire = await ImapWire.open(atNew(world, ANNA))
  await wire.command(`CREATE ${folder}`)
  await wire.command('APPEND INBOX (\\Seen kw) ', Buffer.from('Subject: appended\r\n\r\nhello\r\n'))
  await using old = await ImapWire.open(atOld(world, ANNA))
  const [exists] = (await old.command('EXAMINE INBOX')).filter(({ line }) => / EXISTS$/.test(line))
  t.equal(exists?.line, '* 1 EXISTS', 'it is on the old server')
  await world.send('before', [ANNA])
  await world.isQuiet()
  t.same(world.mailboxesWith('before'), ['old anna@old.example'])
  t.match(await rows(world.ferry.service, 'migration', 'show', ANNA), { route: 'source', ready: false })
}

async function ready(t: Test, world: MailWorld, sync: Sync): Promise<void> {
  await sync.seen(({ event, outcome }) => event === 'ended' && outcome === 'complete')
  t.match(await rows(world.ferry.service, 'migration', 'show', ANNA), { route: 'source', ready: true, state: 'synced' })
  t.notOk(existsSync(join(homeOf(world), 'Maildir')), 'the mailbox itself is not touched')
}

/** Those that a mail program shows as ones that open. */
async function foldersOf(account: ImapAccount): Promise<string[]> {
  await using wire = await ImapWire.open(account)
  const listed = (await wire.command('LIST "" "*"')).filter(({ line }) => !/\\(Noselect|NonExistent)/i.test(line))
  return listed.flatMap(({ line }) => /^\* LIST .* "[./]" (.*)$/.exec(line)?.[1] ?? []).sort()
}

const homeOf = (world: MailWorld) => join(world.dovecot.mailRoot, 'old.example/anna')

async function flips(t: Test, world: MailWorld, debian: Debian, sync: Sync): Promise<void> {
  const client = new Client(atNew(world, ANNA))
  const idle = new Client(atNew(world, ANNA))
  await Promise.all([client.start(), idle.start()])
  const numbered = await uidsOf(atNew(world, ANNA))
  const stop = new AbortController()
  let sent = 0
  let removed = ''
  const unsent: string[] = []
  const sending = (async () => {
    while (!stop.signal.aborted) {
      const answers = await world.send(`message ${++sent} under way`, [ANNA])
      unsent.push(...answers.filter((answer) => !answer.startsWith('250')))
      await pause(EVERY_MS)
    }
  })()
  const working = client.work(stop.signal)
  const idling = idle.watch(stop.signal)
  let shown: Record<string, unknown> = {}
  try {
    await until(async () => client.appended > 3 && sent > 3, 'work goes on before the flip')
    await mustRun(world.ferry.service, 'migration', 'flip', ANNA)
    await until(async () => {
      const failed = sync.events.find(({ outcome }) => outcome === 'flip-failed')
      shown = await rows(world.ferry.service, 'migration', 'show', ANNA)
      if (failed) throw new Error('the flip failed')
      return shown.route === 'destination'
    }, 'the flip')
    removed = await lastBefore(world)
    await remove(atNew(world, ANNA), removed)
    const [before, messages] = [client.appended, sent]
    await until(async () => client.appended > before + 3 && sent > messages + 3, 'work goes on after the flip')
  } catch (error) {
    console.error(JSON.stringify({ ...shown, ledger: null }, null, 1), sync.events, sync.stderr, client, idle, sent)
    throw error
  } finally {
    stop.abort()
  }
  await Promise.all([sending, working, idling])
  await world.isQuiet()
  t.equal(shown.flip_requested, false)
  t.same(unsent, [])
  t.same([...client.refused, ...idle.refused], [], 'nobody was asked for a password')

  t.same(await foldersOf(atNew(world, ANNA)), await foldersOf(atOld(world, ANNA)), 'Archive opens at neither')
  const after = await uidsOf(atNew(world, ANNA))
  t.equal(after.uidValidity, numbered.uidValidity)
  for (const [uid, subject] of numbered.subjects) t.equal(after.subjects.get(uid), subject)
  const all = [...after.subjects.values()]
  const missing = (await deadline(world, async () => {
    const found = [...(await uidsOf(atNew(world, ANNA))).subjects.values()]
    return expected(sent, client.appended).filter((subject) => subject !== removed && !found.includes(subject))
  })) as string[]
  t.same(missing, [], 'nothing is lost')
  const twice = all.filter((subject, at) => all.indexOf(subject) !== at)
  t.same(twice, [], 'nothing is there twice')
  t.ok(existsSync(join(homeOf(world), 'Maildir/cur')), 'the mailbox is here')
  t.notOk(existsSync(join(homeOf(world), '.postferry/flip')))
  await mustRun(world.ferry.service, 'migration', 'finish', ANNA)
  const { attempts } = await until(async () => {
    const migration = await rows(world.ferry.service, 'migration', 'show', ANNA)
    return migration.state === 'done' && migration
  }, 'the ledger proves it')
  const atTheEnd = await uidsOf(atNew(world, ANNA))
  t.notOk([...atTheEnd.subjects.values()].includes(removed), 'what she has deleted here stays deleted')
  t.same(readdirSync(join(homeOf(world), '.postferry')), ['before'], 'nothing else is left of it')
  t.comment(debian.dovecot, attempts.map(({ output }: { output: string }) => output).join('; '), `sent ${sent}`)
  t.comment(`longest gap of the clients: ${Math.max(client.gap, idle.gap)} ms`)
}

const expected = (sent: number, appended: number) => [
  ...Array.from({ length: sent }, (_, at) => `message ${at + 1} under way`),
  ...Array.from({ length: appended }, (_, at) => `appended ${at + 1}.`),
]

/** Until nothing is missing: what arrived late at the old server is swept. */
async function deadline(_: MailWorld, look: () => Promise<string[]>): Promise<string[]> {
  let last: string[] = []
  await until(async () => {
    last = await look()
    return last.length === 0
  }, 'all messages').catch(() => undefined)
  return last
}

/** What the mail program has appended last at the old server: no ledger before the flip has seen it. */
async function lastBefore(world: MailWorld): Promise<string> {
  const { subjects } = await uidsOf(atOld(world, ANNA))
  return [...subjects.values()].findLast((subject) => subject.startsWith('appended')) ?? ''
}

async function remove(account: ImapAccount, subject: string): Promise<void> {
  await using wire = await ImapWire.open(account)
  await wire.command('SELECT INBOX')
  const found = await wire.command(`SEARCH SUBJECT "${subject}"`)
  const [, number] = /^\* SEARCH (\d+)/.exec(found[0]?.line ?? '') ?? []
  await wire.command(`STORE ${number} +FLAGS (\\Deleted)`)
  await wire.command('EXPUNGE')
}

async function uidsOf(account: ImapAccount): Promise<{ uidValidity: string; subjects: Map<string, string> }> {
  await using wire = await ImapWire.open(account)
  const opened = await wire.command('EXAMINE INBOX')
  const [, uidValidity = ''] = /UIDVALIDITY (\d+)/.exec(opened.map(({ line }) => line).join(' ')) ?? []
  const subjects = new Map<string, string>()
  for (const { line, literals } of await wire.command('UID FETCH 1:* (BODY.PEEK[HEADER.FIELDS (SUBJECT)])')) {
    const [, uid] = /UID (\d+)/.exec(line) ?? []
    const [, subject] = /Subject: (.*)\r/.exec(literals[0]?.toString() ?? '') ?? []
    if (uid !== undefined && subject !== undefined) subjects.set(uid, subject)
  }
  return { uidValidity, subjects }
}

/** A mail program that connects again when it is cut off, and never asks for another password. */
class Client {
  readonly #account: ImapAccount
  #wire: ImapWire | undefined
  appended = 0
  gap = 0
  readonly refused: string[] = []

  constructor(account: ImapAccount) {
    this.#account = account
  }

  async start(): Promise<void> {
    this.#wire = await ImapWire.open(this.#account)
    await this.#wire.command('SELECT INBOX')
  }

  /** Only looks, again and again. */
  async watch(stop: AbortSignal): Promise<void> {
    await this.#goOn(stop, async (wire) => {
      await wire.command('NOOP')
    })
  }

  /** Appends, one after the other, each until it has heard that it is there; flags everything. */
  async work(stop: AbortSignal): Promise<void> {
    await this.#goOn(stop, async (wire) => {
      const subject = `appended ${this.appended + 1}`
      // Cut off before the answer, it looks first.
      const known = await wire.command(`SEARCH SUBJECT "${subject}."`)
      const isThere = known.some(({ line }) => /^\* SEARCH \d/.test(line))
      const message = Buffer.from(`${messageId()}Subject: ${subject}.\r\n\r\nhello\r\n`)
      if (!isThere) await wire.command('APPEND INBOX () ', message)
      await wire.command('STORE * +FLAGS.SILENT (\\Seen kw)')
      this.appended++
    })
  }

  async #goOn(stop: AbortSignal, work: (wire: ImapWire) => Promise<void>): Promise<void> {
    for (let last = performance.now(); !stop.aborted; ) {
      try {
        if (this.#wire === undefined) await this.start()
        await work(this.#wire as ImapWire)
        this.gap = Math.max(this.gap, Math.round(performance.now() - last))
        last = performance.now()
        await pause(EVERY_MS)
      } catch (error) {
        this.#wire = undefined
        if (!/closed|ECONN|EPIPE/.test(String(error))) this.refused.push(String(error))
      }
    }
    await this.#wire?.[Symbol.asyncDispose]()
  }
}

t.end()

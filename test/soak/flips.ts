// The long form of what test/e2e/flip.test.ts and flip-killed.test.ts tell: many people are flipped while mail for them arrives
// and their mail programs work; then once more, while whoever takes part is killed at random moments.
// POSTFERRY_SOAK_FLIPS: how many of each, by Dovecot.
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { bothDebians, type Debian } from '../support/debian.ts'
import { mustRun, rows } from '../support/ferry.ts'
import { ImapWire } from '../support/imap-wire.ts'
import { MailProgram, messagesOf } from '../support/mail-program.ts'
import { type MailWorld, startMailWorld } from '../support/mail-world.ts'
import { query } from '../support/query.ts'
import { type Sync, startSync } from '../support/sync.ts'
import { until } from '../support/until.ts'

const FLIPS = Number(process.env.POSTFERRY_SOAK_FLIPS ?? 100)
const TOGETHER = 4
const EVERY_MS = 100
const BEFORE = 20
const PASSWORD = 'a password'
/** Nobody is held for longer, and then a killed process takes its time to be back. */
const LONGEST_MS = 20_000 + 10_000
const people = Array.from({ length: FLIPS }, (_, at) => `p${at}@old.example`)

t.setTimeout(7_200_000)

for (const debian of bothDebians()) {
  for (const isKilling of [false, true]) {
    const what = isKilling ? 'and whoever takes part is killed' : 'and nobody notices'
    t.test(`${FLIPS} flips at a Dovecot ${debian.dovecot}, ${what}`, async (t) => {
      const all = Object.fromEntries(people.map((person) => [person, PASSWORD]))
      await using world = await startMailWorld({ debian, people: all, isProxied: true, trusted: '127.0.0.1' })
      await using move = new Move(world, debian)
      for (let at = 0; at < people.length; at += TOGETHER) {
        await move.carry(t, people.slice(at, at + TOGETHER), isKilling)
      }
      const gaps = move.gaps.toSorted((one, other) => one - other)
      const holds = move.holds.toSorted((one, other) => one - other)
      t.comment(`${move.delivered} messages delivered, ${move.steps} steps of mail programs, ${move.kills} killed`)
      t.comment(`hold: p50 ${at(holds, 0.5)} ms, p99 ${at(holds, 0.99)} ms; longest ${at(holds, 1)} ms`)
      t.comment(`longest gap of a person: p50 ${at(gaps, 0.5)} ms, p99 ${at(gaps, 0.99)} ms; ${at(gaps, 1)} ms`)
      t.ok(at(gaps, 1) < LONGEST_MS, 'nobody is held for longer than the limit')
    })
  }
}

function at(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0
}

/** All flips of one world. */
class Move implements AsyncDisposable {
  readonly #world: MailWorld
  readonly #debian: Debian
  #sync: Sync
  readonly gaps: number[] = []
  readonly holds: number[] = []
  delivered = 0
  steps = 0
  kills = 0

  constructor(world: MailWorld, debian: Debian) {
    this.#world = world
    this.#debian = debian
    this.#sync = this.#start()
  }

  #start(): Sync {
    return startSync(this.#world.ferry.service, ['--slots', `${TOGETHER}`], {}, this.#debian)
  }

  /** Some people, from the first sign-in until all of their mail is here. */
  async carry(t: Test, some: readonly string[], isKilling: boolean): Promise<void> {
    await Promise.all(some.map((person) => this.#come(person)))
    await this.#until('is ready', some, ({ ready }) => ready)
    const programs = some.map((person) => new MailProgram(this.#account(person), EVERY_MS))
    const stop = new AbortController()
    const sent = new Map<string, string[]>(some.map((person) => [person, []]))
    const working = [...programs.map((program) => program.work(stop.signal)), this.#deliver(sent, stop.signal)]
    try {
      await until(() => programs.every(({ steps }) => steps > 5), 'the mail programs work')
      for (const person of some) await mustRun(this.#world.ferry.service, 'migration', 'flip', person)
      if (isKilling) await this.#kill()
      await this.#until('is here', some, ({ route }) => route === 'destination')
      const steps = programs.map((program) => program.steps)
      await until(() => programs.every((program, at) => program.steps > (steps[at] ?? 0) + 5), 'they go on')
    } finally {
      stop.abort()
      await Promise.all(working)
    }
    await this.#world.isQuiet()
    for (const [at, person] of some.entries()) {
      const program = programs[at] as MailProgram
      t.same(program.refused, [], `${person}: no password is asked for`)
      t.same(await this.#flaws(person, program, sent.get(person) ?? []), [], `${person}: nothing lost, nothing twice`)
      this.gaps.push(program.gapMs)
      this.steps += program.steps
      const { attempts } = await rows(this.#world.ferry.service, 'migration', 'show', person)
      for (const { output } of attempts as { output: string }[]) {
        const [, held] = /held for (\d+) ms/.exec(output) ?? []
        if (held !== undefined) this.holds.push(Number(held))
      }
    }
    // Who is done is not looked at any more.
    for (const person of some) await mustRun(this.#world.ferry.service, 'migration', 'pause', person)
  }

  #account(user: string) {
    return { host: 'localhost', port: this.#world.dovecot.port, user, password: PASSWORD }
  }

  async #come(person: string): Promise<void> {
    await using wire = await ImapWire.open(this.#account(person))
    for (let number = 0; number < BEFORE; number++) {
      await wire.command('APPEND INBOX (\\Seen) ', Buffer.from(`Subject: before ${number}.\r\n\r\nhello\r\n`))
    }
  }

  async #until(what: string, some: readonly string[], fits: (row: Row) => boolean): Promise<void> {
    let last: Row[] = []
    try {
      await until(async () => {
        const list = (await rows(this.#world.ferry.service, 'migration', 'list', '--limit', '1000')) as Row[]
        last = list.filter(({ address }) => some.includes(address))
        return last.length === some.length && last.every(fits)
      }, `everybody ${what}`)
    } catch (error) {
      const { service } = this.#world.ferry
      const shown = await Promise.all(some.map((person) => rows(service, 'migration', 'show', person)))
      const told = shown.map(({ address, attempts }) => JSON.stringify({ address, attempts }))
      throw new Error(`${JSON.stringify(last)}\n${told.join('\n')}\n${this.#sync.stderr}`, { cause: error })
    }
  }

  async #deliver(sent: Map<string, string[]>, stop: AbortSignal): Promise<void> {
    for (let number = 0; !stop.aborted; number++) {
      for (const [person, subjects] of sent) {
        const subject = `sent ${number}.`
        const answers = await this.#world.send(subject, [person])
        if (answers.every((answer) => answer.startsWith('250'))) subjects.push(subject)
        this.delivered++
      }
      await pause(EVERY_MS)
    }
  }

  /** What is not as it must be, when what came late at the old server is here. */
  async #flaws(person: string, program: MailProgram, sent: readonly string[]): Promise<string[]> {
    const before = Array.from({ length: BEFORE }, (_, number) => `before ${number}.`)
    let flaws: string[] = []
    const isRight = async () => {
      const found = await messagesOf(this.#account(person))
      const wanted = [...before, ...sent].map((subject) => [subject, undefined] as const)
      flaws = [...wanted, ...program.expected].flatMap(([subject, kept]) => {
        const all = found.get(subject) ?? []
        const [one] = all
        if (one === undefined || all.length > 1) return [`${subject} is here ${all.length} times`]
        const isKept = kept === undefined || (one.folder === kept.folder && one.marks === kept.marks)
        return isKept ? [] : [`${subject} is ${JSON.stringify(one)}, and not ${JSON.stringify(kept)}`]
      })
      const known = new Set([...before, ...sent, ...program.expected.keys()])
      flaws.push(...[...found.keys()].filter((subject) => subject.startsWith('hers') && !known.has(subject)))
      return flaws.length === 0
    }
    await until(isRight, 'all is right').catch(() => undefined)
    return flaws
  }

  /** Kills three of those who take part, at random moments. */
  async #kill(): Promise<void> {
    for (let round = 0; round < 3; round++) {
      await pause(Math.random() * 1_000)
      const victims = [this.#killWorker, this.#killServe, this.#killDoveadm, this.#killDatabase, this.#killDovecot]
      await victims[Math.floor(Math.random() * victims.length)]?.call(this)
      this.kills++
    }
  }

  async #killWorker(): Promise<void> {
    this.#sync.kill('SIGKILL')
    await this.#sync.end
    // As if the time of its leases had gone by.
    await query(this.#world.ferry.service.dataDir, 'update job set leased_until = now() where holder is not null')
    this.#sync = this.#start()
  }

  async #killServe(): Promise<void> {
    await this.#world.ferry.service.stop('SIGKILL')
    await this.#world.ferry.service.start()
  }

  async #killDoveadm(): Promise<void> {
    try {
      execFileSync('pkill', ['-KILL', '--parent', `${this.#sync.pid}`, 'doveadm'])
    } catch {
      // None was running.
    }
  }

  /** One of its processes: PostgreSQL ends all the others and recovers. */
  async #killDatabase(): Promise<void> {
    const file = join(this.#world.ferry.service.dataDir, 'postgres/postmaster.pid')
    const [postmaster = ''] = readFileSync(file, 'utf8').split('\n')
    const all = execFileSync('pgrep', ['--parent', postmaster], { encoding: 'utf8' }).trim().split('\n')
    process.kill(Number(all[Math.floor(Math.random() * all.length)]), 'SIGKILL')
  }

  async #killDovecot(): Promise<void> {
    await this.#world.dovecot.kill()
    await this.#world.dovecot.start()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#sync.kill('SIGTERM')
    await this.#sync.end
  }
}

interface Row {
  readonly address: string
  readonly route: string
  readonly ready: boolean
}

import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import type { Test } from 'tap'
import type { Provider } from '../../src/model/provider.ts'
import type { Debian } from './debian.ts'
import { mustRun, rows } from './ferry.ts'
import { flawsIn, type Wanted } from './flaws.ts'
import { FlipWatch, type Way } from './flip-watch.ts'
import { ImapWire } from './imap-wire.ts'
import { MailProgram } from './mail-program.ts'
import { type MailServers, startMailServers } from './mail-servers.ts'
import { bySubject, type Found } from './mailbox-state.ts'
import { putByManageSieve, withSieve } from './managesieve.ts'
import { SOURCES, type SourceName, startOldSide, startSieveSide } from './soak-sources.ts'
import { type Sync, startSync } from './sync.ts'
import { until } from './until.ts'

const STEP_MS = 100
const BEFORE = 20
const PASSWORD = 'a password'

/** How much goes on at a time. */
export interface Pace {
  /** Of the worker. */
  readonly slots: number
  /** Between two messages for a person. */
  readonly deliverMs: number
}

/** What each person's script does here: no other server of these files mail. */
const FILED = 'Filed'
const FILTER = `require ["fileinto", "mailbox"];\r\nif header :contains "subject" "sent" { fileinto :create "${FILED}"; }\r\n`

/** Where people put their filters. */
interface SieveAt {
  readonly provider: Provider
  readonly port: number
}

/** Many people who are flipped while mail for them arrives and their mail programs work. */
export class FlipsAtWork implements AsyncDisposable {
  readonly world: MailServers<AsyncDisposable>
  readonly debian: Debian
  readonly watch: FlipWatch
  readonly #source: SourceName
  readonly #pace: Pace
  /** Null: nobody has filters. */
  readonly #sieve: SieveAt | null
  sync: Sync
  readonly gaps: number[] = []
  /** In the words of those flips that succeeded. */
  readonly holds: number[] = []
  delivered = 0
  steps = 0
  /** How many flips ended at the old server first, by what was told of them. */
  readonly again = new Map<string, number>()

  private constructor(
    world: MailServers<AsyncDisposable>,
    { source, debian, pace, sieve = null }: { source: SourceName; debian: Debian; pace: Pace; sieve?: SieveAt | null },
  ) {
    this.world = world
    this.#source = source
    this.debian = debian
    this.#pace = pace
    this.#sieve = sieve
    this.watch = new FlipWatch(world.ferry.service.dataDir)
    this.sync = this.#start()
  }

  static async start(source: SourceName, debian: Debian, people: readonly string[], pace: Pace): Promise<FlipsAtWork> {
    const all = Object.fromEntries(people.map((person) => [person, PASSWORD]))
    const settings = { debian, people: all, isProxied: true, trusted: '127.0.0.1' }
    const world = await startMailServers(await startOldSide(source, all), settings)
    return new FlipsAtWork(world, { source, debian, pace })
  }

  /** The same from a Dovecot, of people who have a filter there. */
  static async startFiltered(debian: Debian, people: readonly string[], pace: Pace): Promise<FlipsAtWork> {
    const all = Object.fromEntries(people.map((person) => [person, PASSWORD]))
    const settings = { debian, people: all, isProxied: true, trusted: '127.0.0.1', new: withSieve(debian) }
    const { old, sieve } = await startSieveSide(all)
    return new FlipsAtWork(await startMailServers(old, settings), { source: 'dovecot', debian, pace, sieve })
  }

  #start(): Sync {
    return startSync(this.world.ferry.service, ['--slots', `${this.#pace.slots}`], {}, this.debian)
  }

  /** A worker again, after the one before has ended. */
  startWorker(): void {
    this.sync = this.#start()
  }

  /** Some people, from the first sign-in until all of their mail is here. @param flips asks for their flips */
  async carry(t: Test, some: readonly string[], flips: () => Promise<void>): Promise<void> {
    const known = new Map<string, ReadonlyMap<string, readonly Found[]>>()
    for (const person of some) known.set(person, await this.#come(person))
    await this.#ready(some)
    const programs = some.map((person) => new MailProgram(this.#account(person), SOURCES[this.#source], STEP_MS))
    const stop = new AbortController()
    const sent = some.map((): string[] => [])
    const working = [
      ...programs.map((program) => program.work(stop.signal)),
      ...some.map((person, at) => this.#deliver(person, sent[at] as string[], stop.signal)),
    ]
    // Whoever fails is heard at the end.
    for (const one of working) one.catch(() => undefined)
    try {
      await until(() => programs.every(({ steps }) => steps > 5), 'the mail programs work').catch((cause) => {
        throw new Error(programs.map(({ steps, refused }) => `${steps} steps, ${refused}`).join('; '), { cause })
      })
      await flips()
      await Promise.all(some.map((person) => this.isHere(person)))
      const steps = programs.map((program) => program.steps)
      await until(() => programs.every((program, at) => program.steps > (steps[at] ?? 0) + 5), 'they go on')
    } finally {
      stop.abort()
    }
    await Promise.all(working)
    await this.world.isQuiet()
    for (const [at, person] of some.entries()) {
      const program = programs[at] as MailProgram
      t.same(program.refused, [], `${person}: no password is asked for`)
      const wanted = { program, sent: sent[at] ?? [], known: known.get(person) ?? new Map() }
      t.same(await this.#flaws(person, wanted), [], `${person}: nothing lost, nothing twice`)
      t.same(await this.#leftovers(person), [], `${person}: the rows and the home agree`)
      if (this.#sieve !== null)
        t.equal(await this.#lastIn(person, wanted.sent), FILED, `${person}: the filter works here`)
      this.gaps.push(program.gapMs)
      this.steps += program.steps
      await this.#noteHold(person)
    }
    // Who is done is not looked at any more.
    for (const person of some) await this.must('migration', 'pause', person)
  }

  /** Runs a command until it works: what it needs may be away for a moment. */
  async must(...args: string[]): Promise<string> {
    let said = ''
    try {
      return await until(async () => {
        const { exitCode, stdout, stderr } = await this.world.ferry.service.run(args)
        said = stderr
        return exitCode === 0 && { stdout }
      }, args.join(' ')).then(({ stdout }) => stdout)
    } catch (cause) {
      throw new Error(said, { cause })
    }
  }

  /** Asks for the flip again when one has ended elsewhere, or with its worker, until the person is here. */
  async isHere(person: string): Promise<void> {
    await this.isOnTheWay(person, 'is here', () => false)
  }

  /** The same, until something is so of the flip. */
  async isOnTheWay(person: string, what: string, fits: (way: Way) => boolean): Promise<void> {
    await this.#looked()
    await this.until(person, what, async (way) => {
      if (way.route === 'destination' || fits(way)) return true
      if (way.route === 'source' && (!way.isRequested || way.isPaused)) await this.#askAgain(person)
      return false
    })
  }

  async #askAgain(person: string): Promise<void> {
    const { service } = this.world.ferry
    const { attempts } = await rows(service, 'migration', 'show', person)
    const [{ outcome, output }] = attempts
    const why = `${outcome}: ${String(output).split('\n')[0]}`
    this.again.set(why, (this.again.get(why) ?? 0) + 1)
    await mustRun(service, 'migration', 'flip', person).catch(() => undefined)
    await this.#looked()
  }

  /** For a person to read. */
  get againText(): string {
    const reasons = [...this.again].map(([why, count]) => `${count} (${why})`)
    return reasons.length === 0 ? 'no flip asked for again' : `flips asked for again: ${reasons.join(', ')}`
  }

  async #looked(): Promise<void> {
    const { looks } = this.watch
    await until(() => this.watch.looks > looks + 1, 'the rows are read')
  }

  async until(person: string, what: string, fits: (way: Way) => boolean | Promise<boolean>): Promise<void> {
    try {
      await until(async () => {
        const way = this.watch.of(person)
        return way !== undefined && (await fits(way))
      }, `${person} ${what}`)
    } catch (cause) {
      const { service } = this.world.ferry
      const { attempts } = await rows(service, 'migration', 'show', person)
      const told = JSON.stringify({ ...this.watch.of(person), attempts })
      throw new Error(`${(cause as Error).message}\n${told}\n${this.sync.stderr}`, { cause })
    }
  }

  #account(user: string) {
    return { host: '127.0.0.1', port: this.world.dovecot.port, user, password: PASSWORD }
  }

  async #come(person: string): Promise<ReadonlyMap<string, readonly Found[]>> {
    {
      await using wire = await ImapWire.open(this.#account(person))
      for (let number = 0; number < BEFORE; number++) {
        await wire.command('APPEND INBOX (\\Seen) ', Buffer.from(`Subject: before ${number}.\r\n\r\nhello\r\n`))
      }
    }
    if (this.#sieve !== null) {
      const { provider, port } = this.#sieve
      await putByManageSieve(provider, port, [person, PASSWORD], { main: FILTER })
    }
    return (await bySubject(this.#account(person))).messages
  }

  /** The folder of the message that was delivered last, when the person was here for a while. */
  async #lastIn(person: string, sent: readonly string[]): Promise<string | undefined> {
    const { messages } = await bySubject(this.#account(person))
    return messages.get(sent.at(-1) ?? '')?.[0]?.folder
  }

  async #ready(some: readonly string[]): Promise<void> {
    await until(async () => {
      const list = JSON.parse(await this.must('migration', 'list', '--limit', '1000', '--json')) as Row[]
      return some.every((person) => list.find(({ address }) => address === person)?.ready)
    }, 'everybody is ready')
  }

  async #deliver(person: string, sent: string[], stop: AbortSignal): Promise<void> {
    for (let number = 0; !stop.aborted; number++) {
      const next = pause(this.#pace.deliverMs)
      const subject = `sent ${number}.`
      // Postfix's smtpd ends when Dovecot has no answer for it: a sender tries again, and this one takes the next message.
      const answers = await this.world.send(subject, [person]).catch((error) => [String(error)])
      if (answers.every((answer) => answer.startsWith('250'))) sent.push(subject)
      this.delivered++
      await next
    }
  }

  /** What is not as it must be, when what came late at the old server is here. */
  async #flaws(person: string, wanted: Wanted): Promise<string[]> {
    let flaws: string[] = []
    const isRight = async () => {
      flaws = flawsIn(await bySubject(this.#account(person)), wanted, this.world.newPostfix.log())
      return flaws.length === 0
    }
    await until(isRight, 'all is right').catch((error) => flaws.push(String(error)))
    return flaws
  }

  /** What a flip may not leave behind. */
  async #leftovers(person: string): Promise<string[]> {
    const home = join(this.world.dovecot.mailRoot, 'old.example', person.split('@')[0] ?? '')
    const [journal, before] = [join(home, '.postferry/flip'), join(home, '.postferry/before')]
    const look = () => [
      ...(existsSync(join(home, 'Maildir')) ? [] : ['no Maildir']),
      ...(existsSync(journal) ? ['a journal of moves'] : []),
      ...(existsSync(before) ? readdirSync(before) : []),
      ...(this.watch.of(person)?.step == null ? [] : ['a flip that goes on']),
    ]
    await until(() => look().length === 0, 'nothing is left').catch(() => undefined)
    return look()
  }

  async #noteHold(person: string): Promise<void> {
    const { attempts } = JSON.parse(await this.must('migration', 'show', person, '--json'))
    for (const { output } of attempts as { output: string }[]) {
      const [, held] = /held for (\d+) ms/.exec(output) ?? []
      if (held !== undefined) this.holds.push(Number(held))
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.watch[Symbol.asyncDispose]()
    this.sync.kill('SIGTERM')
    await this.sync.end
    await this.world[Symbol.asyncDispose]()
  }
}

interface Row {
  readonly address: string
  readonly ready: boolean
}

/** The one below which so large a share lies. */
export function quantile(numbers: readonly number[], share: number): number {
  const sorted = numbers.toSorted((one, other) => one - other)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0
}

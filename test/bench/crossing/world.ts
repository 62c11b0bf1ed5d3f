import { type ChildProcess, spawn } from 'node:child_process'
import { chmodSync, existsSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type pg from 'pg'
import { handOver } from '../../support/cron.ts'
import { users } from '../../support/dovecot-users.ts'
import { mustRun, startFerry } from '../../support/ferry.ts'
import { query } from '../../support/query.ts'
import { seed } from '../../support/seed.ts'
import { type RunningService, runProgram, startService } from '../../support/service.ts'

const BIN = join(import.meta.dirname, '../../../bin')

export interface WorldSettings {
  readonly people: number
  /** In each of the mailboxes. */
  readonly messages: number
  readonly mailboxes?: readonly string[]
  /** People without mail who have not signed in yet. */
  readonly newcomers?: number
  /** Default: a Dovecot with TLS. */
  readonly openOld?: (people: Readonly<Record<string, string>>) => Promise<OldPlace>
  /** Default: many small messages. */
  fill?(port: number, person: readonly [string, string]): Promise<void>
}

/** An old server, and how a provider is told where it is. */
export interface OldPlace extends AsyncDisposable {
  readonly port: number
  readonly options: readonly string[]
}

/** User name and password. */
export type Newcomer = readonly [string, string]

/** What a command took: seconds by the clock, and of all processors, children included. */
export interface Spent {
  readonly seconds: number
  readonly cpuSeconds: number
  readonly stdout: string
}

/** People with mail at the source who have signed in, and nothing copied yet. */
export interface World extends AsyncDisposable {
  readonly people: readonly string[]
  /** Of the source itself. */
  readonly port: number
  readonly homes: string
  readonly newcomers: readonly Newcomer[]
  readonly service: RunningService
  /** Runs a program of `bin`, or another one. */
  run(program: string, args: readonly string[], env?: NodeJS.ProcessEnv): Promise<Spent>
  /** Starts a program of `bin`. */
  start(program: string, args: readonly string[]): ChildProcess
  query(text: string): Promise<pg.QueryResult>
  /** Nothing is copied, nothing is remembered, and every job is due. */
  reset(): Promise<void>
  /** Where copying processes of cron remember what they copied. */
  readonly metadata: (share: number) => string
}

export async function startWorld(settings: WorldSettings): Promise<World> {
  const { people, messages, mailboxes = ['INBOX', 'Sent'], newcomers: later = 0 } = settings
  const { fill = (port, person) => seed(port, person, messages, mailboxes) } = settings
  const homes = mkdtempSync(join(tmpdir(), 'postferry-homes-'))
  chmodSync(homes, 0o755)
  // Dovecot's doveadm copies for nobody who is root.
  handOver(homes, (await users()).mail)
  const all = Array.from({ length: people }, (_, at) => [`p${at}@old.example`, `secret of ${at}`] as const)
  const newcomers = Array.from({ length: later }, (_, at) => [`n${at}@old.example`, `secret of ${at}`] as const)
  const environment = { POSTFERRY_HOME: `${homes}/%d/%n`, POSTFERRY_LOG_LEVEL: 'warn' }
  const ferry = await ferryFor(settings, Object.fromEntries([...all, ...newcomers]), environment)
  const { old, service } = ferry
  await mustRun(service, 'provider', 'set', 'old', '--max-connections', '20')
  for (const person of all) await fill(old.port, person)
  for (const person of all) await service.passdb(...person)
  const aside = mkdtempSync(join(tmpdir(), 'postferry-aside-'))
  const metadata = (share: number) => join(service.dataDir, `offlineimap-${share}`)
  return {
    people: all.map(([address]) => address),
    port: old.port,
    homes,
    newcomers,
    service,
    metadata,
    start: (program, args) => spawn(join(BIN, program), args, { env: service.environment, stdio: 'ignore' }),
    run: (program, args, env = {}) => run(program, args, { ...service.environment, ...env }),
    query: (text) => query(service.dataDir, text),
    async reset() {
      const folders = [homes, join(service.dataDir, 'offlineimap'), metadata(1), metadata(2)]
      for (const folder of folders.filter(existsSync)) putAside(folder, aside)
      await query(service.dataDir, 'delete from attempt')
      await query(service.dataDir, 'delete from ledger')
      await query(service.dataDir, `update migration set state = 'pending', paused_from = null, code = null`)
      await query(
        service.dataDir,
        'update job set due_at = now(), copying_host_id = null, seen = null, completed_at = null',
      )
    },
    async [Symbol.asyncDispose]() {
      await ferry[Symbol.asyncDispose]()
      for (const folder of [homes, aside]) rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** ext4 is slow to make files where many were deleted in the minutes before: nothing is deleted before the end. */
function putAside(folder: string, aside: string): void {
  const place = mkdtempSync(join(aside, 'run-'))
  for (const name of readdirSync(folder)) renameSync(join(folder, name), join(place, name))
}

type Old = { readonly port: number }

async function ferryFor(
  { openOld }: WorldSettings,
  people: Readonly<Record<string, string>>,
  environment: NodeJS.ProcessEnv,
): Promise<{ old: Old; service: RunningService } & AsyncDisposable> {
  if (openOld === undefined) return await startFerry(people, environment)
  await using opened = new AsyncDisposableStack()
  const old = opened.use(await openOld(people))
  const service = opened.use(await startService(environment))
  await mustRun(service, 'provider', 'add', 'old', '--host', 'localhost', '--engine', 'offlineimap', ...old.options)
  await mustRun(service, 'domain', 'add', 'old.example', '--provider', 'old')
  const kept = opened.move()
  return { old, service, [Symbol.asyncDispose]: () => kept.disposeAsync() }
}

async function run(program: string, args: readonly string[], env: NodeJS.ProcessEnv): Promise<Spent> {
  const path = program.startsWith('postferry') || program.startsWith('emit') ? join(BIN, program) : program
  const script = 'TIMEFORMAT="spent %R %U %S"; time "$0" "$@"'
  const { exitCode, stdout, stderr } = await runProgram('bash', ['-c', script, path, ...args], env)
  const [, seconds, user, system] = /spent ([\d.]+) ([\d.]+) ([\d.]+)\s*$/.exec(stderr) ?? []
  if (exitCode !== 0 || seconds === undefined) throw new Error(`${program} ended with ${exitCode}: ${stderr}`)
  return { seconds: Number(seconds), cpuSeconds: Number(user) + Number(system), stdout }
}

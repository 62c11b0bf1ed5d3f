import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { createInterface } from 'node:readline'
import { type Debian, OWN } from './debian.ts'
import { MAIN } from './program.ts'
import type { RunningService } from './service.ts'
import { HANG_MS } from './until.ts'

export interface SyncEvent {
  event: 'begun' | 'ended' | 'trouble' | 'stranded' | 'end'
  copying_hosts?: { host: string; folder: string; people: number }[]
  done?: number
  address?: string
  outcome?: string
  finished?: boolean
  next?: number | null
  messages?: number
  message?: string
}

/** A running `postferry sync --json`. */
export interface Sync {
  readonly pid: number
  readonly events: SyncEvent[]
  readonly stderr: string
  /** Resolves with the exit code; null after a signal. */
  readonly end: Promise<number | null>
  kill(signal: NodeJS.Signals): void
  /** Resolves when an event fits. */
  seen(fits: (event: SyncEvent) => boolean): Promise<SyncEvent>
}

const started = new Set<ChildProcess>()
// A test that fails leaves none behind.
process.once('exit', () => {
  for (const child of started) child.kill('SIGKILL')
})

/** Starts a worker on the service's database and metadata; a Debian's doveadm is that of its Dovecot. */
export function startSync(
  service: RunningService,
  args: string[] = [],
  env: NodeJS.ProcessEnv = {},
  { enter }: Pick<Debian, 'enter'> = OWN,
): Sync {
  const [program = '', ...command] = [...enter, process.execPath, MAIN, 'sync', '--json', ...args]
  const child: ChildProcess = spawn(program, command, { env: { ...service.environment, ...env } })
  started.add(child)
  const events: SyncEvent[] = []
  const waiting = new Set<() => void>()
  let stderr = ''
  ;(child.stderr as Socket).on('data', (chunk) => (stderr += chunk))
  createInterface({ input: child.stdout as Socket }).on('line', (line) => {
    events.push(JSON.parse(line))
    for (const check of waiting) check()
  })
  const end = once(child, 'close').then(() => child.exitCode)
  return {
    pid: child.pid ?? 0,
    events,
    get stderr() {
      return stderr
    },
    end,
    kill: (signal) => void child.kill(signal),
    seen: (fits) =>
      new Promise((resolve, reject) => {
        const timer = setTimeout(() => reject(new Error(`not seen: ${JSON.stringify(events)} ${stderr}`)), HANG_MS)
        const check = () => {
          const event = events.find(fits)
          if (event === undefined) return
          clearTimeout(timer)
          waiting.delete(check)
          resolve(event)
        }
        waiting.add(check)
        check()
      }),
  }
}

/** Runs `postferry sync --once` to its end; what the jobs came to, by address. */
export async function syncOnce(service: RunningService, ...args: string[]): Promise<Record<string, string>> {
  const sync = startSync(service, ['--once', ...args])
  const exitCode = await sync.end
  if (exitCode !== 0) throw new Error(`postferry sync ended with ${exitCode}: ${sync.stderr}`)
  return outcomes(sync)
}

/** The last outcome of each person. */
export function outcomes(...syncs: Sync[]): Record<string, string> {
  const ended = syncs.flatMap(({ events }) => events).filter(({ event }) => event === 'ended')
  return Object.fromEntries(ended.map(({ address = '', outcome = '' }) => [address, outcome]))
}

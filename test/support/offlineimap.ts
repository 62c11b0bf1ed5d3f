import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as pause } from 'node:timers/promises'
import { type Debian, OWN } from './debian.ts'
import { HANG_MS } from './until.ts'

export interface Run {
  /** Exit code; null when a signal ended it. */
  code: number | null
  /** What it wrote to standard output and error, in order. */
  output: string
}

export interface RunSettings {
  /** More arguments, before the file. */
  args?: string[]
  /** Whom it runs as: the owner of the destination's mail. */
  owner?: { uid: number; gid: number }
  env?: NodeJS.ProcessEnv
  /** Whose OfflineIMAP it is; the machine's own by default. */
  debian?: Debian
  /** Where it runs; by default at the root, as under cron. */
  cwd?: string
  /** Milliseconds; then it is killed, and the promise fails with its output. */
  timeout?: number
  /** Called with each piece of output. */
  watch?: (text: string, pid: number) => void
}

/** Runs the real OfflineIMAP once with the configuration file. */
export async function runOfflineimap(file: string, settings: RunSettings = {}): Promise<Run> {
  const { args = [], owner, env = {}, cwd = '/', timeout = HANG_MS, watch, debian = OWN } = settings
  const root = process.getuid?.() === 0
  const as = root && owner ? ['setpriv', `--reuid=${owner.uid}`, `--regid=${owner.gid}`, '--clear-groups'] : []
  const [program = '', ...command] = [...debian.enter, ...as, 'offlineimap', ...args, '-c', file]
  const child = spawn(program, command, {
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
    cwd,
    env: { PATH: '/usr/local/bin:/usr/bin:/bin', LANG: 'C.UTF-8', ...env },
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text
      watch?.(text, child.pid ?? 0)
    })
  }
  const finished = new AbortController()
  const ended = once(child, 'close', { signal: finished.signal })
  const late = pause(timeout, 'late', { signal: finished.signal, ref: false })
  try {
    const first = await Promise.race([ended, late])
    if (first !== 'late') return { code: child.exitCode, output }
    process.kill(-(child.pid ?? 0), 'SIGKILL')
    throw new Error(`offlineimap did not end within ${timeout} ms:\n${output}`)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    throw new Error('offlineimap is missing: apt-get install --yes offlineimap3', { cause: error })
  } finally {
    finished.abort()
    late.catch(() => {})
    ended.catch(() => {})
  }
}

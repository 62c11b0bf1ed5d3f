import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { setPriority } from 'node:os'
import type { Readable, Writable } from 'node:stream'

export interface Start {
  readonly program: string
  readonly args: readonly string[]
  /** Written to the process's descriptor 3, which stays open until the process has ended. Missing: it has none. */
  readonly handOver?: string
  /** In whose name it runs; missing or null: in this process's own. */
  readonly owner?: { readonly uid: number; readonly gid: number } | null
  /** Aborted: the process is asked to end, or ended at once where `isUrgent` says so of the reason. */
  readonly signal: AbortSignal
  isUrgent(reason: unknown): boolean
  /** Called with what writes to its standard input; missing: there is nothing to read for it. */
  onInput?(input: Writable): void
  onLine(line: string): void
  /** What it writes to its standard output as it comes, which is not read as lines then. */
  onOutput?(piece: Buffer): void
  /** What it writes to its standard error; missing: `onLine`. */
  onErrorLine?(line: string): void
}

export interface End {
  /** Null: a signal ended it, or it did not start. */
  readonly exitCode: number | null
  /** Why it did not start. */
  readonly error: NodeJS.ErrnoException | null
}

/** The descriptor that `handOver` is read from. */
export const HAND_OVER = 3
const GRACE_MS = 10_000
/** A third of the processor time that others get who want it at the same moment. */
const NICE = 5
const AGAIN_MS = 100
const LINE_LENGTH = 10_000
// Nothing of this process's environment but what programs need: it may hold tokens.
const ENVIRONMENT = ['PATH', 'HOME', 'LANG', 'LC_ALL', 'TMPDIR']

/**
 * Runs a program behind all others, in a process group of its own; when this resolves, nothing of the group is left.
 */
export async function runProcess(start: Start): Promise<End> {
  const child = spawn(start.program, start.args, {
    stdio: [
      start.onInput === undefined ? 'ignore' : 'pipe',
      'pipe',
      'pipe',
      ...(start.handOver === undefined ? [] : ['pipe' as const]),
    ],
    detached: true,
    cwd: '/',
    env: Object.fromEntries(ENVIRONMENT.flatMap((name) => (process.env[name] ? [[name, process.env[name]]] : []))),
    ...start.owner,
  })
  giveWay(child)
  let error: NodeJS.ErrnoException | null = null
  let grace: NodeJS.Timeout | undefined
  const kill = (signal: NodeJS.Signals) => killGroup(child.pid, signal)
  const endSoon = () => {
    kill('SIGTERM')
    grace ??= setTimeout(() => kill('SIGKILL'), GRACE_MS)
  }
  const interrupt = () => (start.isUrgent(start.signal.reason) ? kill('SIGKILL') : endSoon())
  child.once('error', (cause) => {
    error = cause
  })
  // What ends before it has read is no error of ours.
  const pipe = child.stdio[HAND_OVER] as Writable | undefined
  pipe?.on('error', () => undefined).write(start.handOver ?? '')
  if (child.stdin !== null) start.onInput?.(child.stdin)
  tellLines(child, start)
  start.signal.addEventListener('abort', interrupt)
  if (start.signal.aborted) interrupt()
  child.once('exit', () => kill('SIGKILL'))
  await once(child, 'close').catch(() => undefined)
  start.signal.removeEventListener('abort', interrupt)
  clearTimeout(grace)
  return { exitCode: child.exitCode, error }
}

function tellLines({ stdout, stderr }: ChildProcess, start: Start): void {
  if (start.onOutput === undefined) tell(stdout, (line) => start.onLine(line))
  else stdout?.on('data', (piece: Buffer) => start.onOutput?.(piece))
  tell(stderr, (line) => (start.onErrorLine === undefined ? start.onLine(line) : start.onErrorLine(line)))
}

/** A line ends where programs end it, and nowhere else: names have all that Unicode knows of ends of lines in them. */
function tell(input: Readable | null, onLine: (line: string) => void): void {
  let rest = ''
  const tellOne = (line: string) => onLine(line.replace(/\r$/, '').slice(0, LINE_LENGTH))
  input?.setEncoding('utf8').on('data', (text: string) => {
    const lines = (rest + text).split('\n')
    rest = (lines.pop() ?? '').slice(0, LINE_LENGTH + 1)
    for (const line of lines) tellOne(line)
  })
  input?.once('end', () => rest !== '' && tellOne(rest))
}

/** People who sign in on this host wait for a processor, copies do not. */
function giveWay(child: ChildProcess): void {
  const { pid, exitCode, signalCode } = child
  if (pid === undefined || exitCode !== null || signalCode !== null) return
  try {
    setPriority(pid, NICE)
    // Where Linux shares the processors among sessions first, the session's own priority is what counts (sched(7)).
    writeFileSync(`/proc/${pid}/autogroup`, `${NICE}`)
  } catch (error) {
    // Without root it may be said ten times a second on the whole host. Otherwise it has ended already, or Linux does not.
    if ((error as NodeJS.ErrnoException).code === 'EAGAIN') setTimeout(giveWay, AGAIN_MS, child).unref()
  }
}

function killGroup(pid: number | undefined, signal: NodeJS.Signals): void {
  try {
    if (pid !== undefined) process.kill(-pid, signal)
  } catch {
    // It has ended already.
  }
}

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, mkdtempSync, openSync, readFileSync, readlinkSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { freePort } from '../support/loopback.ts'
import { runProgram } from '../support/service.ts'
import { interrupted } from './interrupt.ts'

const BIN = join(import.meta.dirname, '../../bin')
const START_LIMIT_MS = 60_000
const STOP_LIMIT_MS = 15_000

/** `bin/postferry serve` as it is installed: compiled, with its embedded PostgreSQL and the settings of the sample. */
export interface Serving extends AsyncDisposable {
  readonly dataDir: string
  readonly port: number
  readonly socket: string
  readonly token: string
  /** Runs a command, which has to succeed. */
  command(...args: string[]): Promise<void>
  /** A figure of `/metrics`, without labels. */
  metric(name: string): Promise<number>
  /** Resident memory of the process now, and the most it ever was, in megabytes. */
  memory(): { now: number; peak: number }
}

export async function startServing(settings: NodeJS.ProcessEnv = {}): Promise<Serving> {
  const dataDir = mkdtempSync(join(tmpdir(), 'postferry-bench-'))
  const port = await freePort()
  const env = {
    PATH: process.env.PATH,
    POSTFERRY_DATA_DIR: dataDir,
    POSTFERRY_PORT: String(port),
    DATABASE_URL: '',
    NODE_OPTIONS: process.env.NODE_OPTIONS ?? '',
    ...settings,
  }
  const log = openSync(join(dataDir, 'serve.log'), 'a')
  // It ends with us, however we end.
  const server = spawn('setpriv', ['--pdeathsig', 'TERM', join(BIN, 'postferry'), 'serve'], {
    env,
    stdio: ['ignore', log, log],
  })
  closeSync(log)
  const url = `http://127.0.0.1:${port}`
  const stop = async () => {
    await end(server)
    await endDatabase(join(dataDir, 'postgres'))
    rmSync(dataDir, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 })
  }
  try {
    await ready(url, server, dataDir)
  } catch (error) {
    await stop()
    throw error
  }
  return {
    dataDir,
    port,
    socket: join(dataDir, 'postferry.sock'),
    token: readFileSync(join(dataDir, 'auth-token'), 'utf8').trim(),
    async command(...args) {
      const { exitCode, stderr } = await runProgram(join(BIN, 'postferry'), args, env)
      if (exitCode !== 0) throw new Error(`postferry ${args.join(' ')} ended with ${exitCode}: ${stderr}`)
    },
    async metric(name) {
      const text = await (await fetch(`${url}/metrics`)).text()
      return Number(new RegExp(`^${name} (.*)$`, 'm').exec(text)?.[1])
    },
    memory: () => memoryOf(server.pid as number),
    [Symbol.asyncDispose]: stop,
  }
}

async function ready(url: string, server: ChildProcess, dataDir: string): Promise<void> {
  const deadline = Date.now() + START_LIMIT_MS
  while (server.exitCode === null && server.signalCode === null && Date.now() < deadline) {
    interrupted.throwIfAborted()
    const answer = await fetch(`${url}/readyz`).catch(() => undefined)
    if (answer?.ok) return
    await pause(50)
  }
  throw new Error(`postferry serve did not start: ${readFileSync(join(dataDir, 'serve.log'), 'utf8')}`)
}

async function end(server: ChildProcess): Promise<void> {
  if (server.exitCode !== null || server.signalCode !== null) return
  const exited = once(server, 'exit')
  server.kill('SIGTERM')
  const killed = setTimeout(() => server.kill('SIGKILL'), STOP_LIMIT_MS)
  await exited
  clearTimeout(killed)
}

/** The last one to leave the embedded PostgreSQL stops it; one that was killed could not. */
async function endDatabase(folder: string): Promise<void> {
  const pid = postmasterIn(folder)
  if (pid === undefined) return
  process.kill(pid, 'SIGINT')
  const deadline = Date.now() + STOP_LIMIT_MS
  while (postmasterIn(folder) !== undefined && Date.now() < deadline) await pause(50)
}

/** The process that serves a database folder: it runs in there. */
function postmasterIn(folder: string): number | undefined {
  try {
    const pid = Number.parseInt(readFileSync(join(folder, 'postmaster.pid'), 'utf8'), 10)
    return readlinkSync(`/proc/${pid}/cwd`) === folder ? pid : undefined
  } catch {
    return undefined
  }
}

function memoryOf(pid: number): { now: number; peak: number } {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  const megabytes = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]) / 1024
  return { now: megabytes('VmRSS'), peak: megabytes('VmHWM') }
}

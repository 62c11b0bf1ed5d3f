import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { request } from 'node:http'
import type { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import type { TSchema } from 'typebox'
import { Errors } from 'typebox/schema'
import { ANSWERS as passdbAnswers } from '../../src/http/auth/passdb.ts'
import { ANSWERS as userdbAnswers } from '../../src/http/auth/userdb.ts'
import { giveCluster } from './cluster.ts'
import { commandsIn } from './commands.ts'
import { COMPILED } from './compiled.ts'
import { freePort } from './loopback.ts'
import { MAIN } from './program.ts'
import { HANG_MS } from './until.ts'

export interface Ended {
  readonly exitCode: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface Answer {
  readonly status: number
  // biome-ignore lint/suspicious/noExplicitAny: tests look into bodies of any shape
  readonly body: any
}

/** A running `postferry serve` with its own data directory, and the commands that work on the same one. */
export interface RunningService extends AsyncDisposable {
  readonly dataDir: string
  readonly environment: NodeJS.ProcessEnv
  readonly url: string
  readonly socket: string
  readonly token: string
  readonly pid: number
  log(): string
  run(args: readonly string[], input?: string): Promise<Ended>
  passdb(username: string, password: string): Promise<Answer>
  /** Sends a signal and waits for the end. */
  stop(signal?: NodeJS.Signals): Promise<number | null>
  /** Starts it again after a stop. */
  start(): Promise<void>
}

export async function startService(settings: NodeJS.ProcessEnv = {}): Promise<RunningService> {
  const dataDir = mkdtempSync(join(tmpdir(), 'postferry-data-'))
  if (settings.DATABASE_URL === undefined) await giveCluster(dataDir)
  const port = await freePort()
  const environment: NodeJS.ProcessEnv = {
    PATH: process.env.PATH,
    ...COMPILED,
    POSTFERRY_DATA_DIR: dataDir,
    POSTFERRY_PORT: String(port),
    POSTFERRY_LOG_LEVEL: 'debug',
    ...settings,
  }
  const socket = environment.POSTFERRY_SOCKET ?? join(dataDir, 'postferry.sock')
  const commands = commandsIn(environment)
  let server: ChildProcess
  let log = ''

  async function start(): Promise<void> {
    server = spawn(process.execPath, [MAIN, 'serve'], { env: environment })
    // tap ends a test file, and so stops this service, only when nothing else keeps the process alive.
    server.unref()
    for (const stream of [server.stdout, server.stderr] as Socket[])
      stream.unref().on('data', (chunk) => (log += chunk))
    const deadline = Date.now() + HANG_MS
    while (!(await answers(socket))) {
      if (server.exitCode !== null || Date.now() > deadline) throw new Error(`postferry serve did not start: ${log}`)
      await wait(20)
    }
  }

  async function stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> {
    if (server.exitCode === null && server.signalCode === null) {
      server.ref()
      server.kill(signal)
      await once(server, 'exit')
    }
    return server.exitCode
  }

  await start()
  return {
    dataDir,
    environment,
    socket,
    url: `http://127.0.0.1:${port}`,
    get token() {
      return readFileSync(join(dataDir, 'auth-token'), 'utf8').trim()
    },
    get pid() {
      return server.pid ?? 0
    },
    log: () => log,
    run: (args, input = '') => (commands.isBusy ? runPostferry(args, environment, input) : commands.run(args, input)),
    passdb: (username, password) => post(socket, '/v1/passdb', { username, password }),
    start,
    stop,
    async [Symbol.asyncDispose]() {
      await stop()
      // Whoever is the last to use the embedded server stops it; after a SIGKILL that is this command.
      if (existsSync(join(dataDir, 'postgres/postmaster.pid'))) await runPostferry(['upgrade'], environment)
      rmSync(dataDir, { recursive: true, force: true })
      await commands[Symbol.asyncDispose]()
    },
  }
}

/** Runs a `postferry` command to its end. */
export function runPostferry(args: readonly string[], env: NodeJS.ProcessEnv, input = ''): Promise<Ended> {
  return runProgram(process.execPath, [MAIN, ...args], env, input)
}

export async function runProgram(
  program: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  input: string | Buffer = '',
): Promise<Ended> {
  const child = spawn(program, args, { env })
  let [stdout, stderr] = ['', '']
  child.stdout.setEncoding('utf8').on('data', (chunk) => (stdout += chunk))
  child.stderr.setEncoding('utf8').on('data', (chunk) => (stderr += chunk))
  child.stdin.on('error', () => undefined)
  child.stdin.end(input)
  await once(child, 'close')
  return { exitCode: child.exitCode, stdout, stderr }
}

/** Posts JSON to a Unix socket, or with a URL and headers to TCP. */
export function post(to: string, path: string, body: unknown, headers: Record<string, string> = {}): Promise<Answer> {
  return ask(to, path, 'POST', typeof body === 'string' ? body : JSON.stringify(body), headers)
}

export function get(to: string, path: string): Promise<Answer> {
  return ask(to, path, 'GET', undefined, {})
}

export async function ask(
  to: string,
  path: string,
  method: string,
  body: string | Buffer | undefined,
  more: Record<string, string>,
): Promise<Answer> {
  const headers = { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...more }
  const asked = to.startsWith('http')
    ? request(to + path, { method, headers, agent: false })
    : request({ socketPath: to, path, method, headers, agent: false })
  asked.end(body)
  const [response] = await once(asked, 'response')
  const text = (await response.setEncoding('utf8').toArray()).join('')
  const isJson = String(response.headers['content-type']).includes('json')
  const answer = { status: response.statusCode as number, body: isJson ? JSON.parse(text) : text }
  refuseUndescribed(path, answer)
  return answer
}

/** What the auth API promises to answer, by path and status. */
const PROMISED: Readonly<Record<string, Readonly<Record<number, TSchema>>>> = {
  '/v1/passdb': passdbAnswers,
  '/v1/userdb': userdbAnswers,
}

/** Whoever says yes has to say it in words that Dovecot understands. @throws when it does not */
function refuseUndescribed(path: string, { status, body }: Answer): void {
  const promised = PROMISED[path]?.[status]
  if (status !== 200 || promised === undefined) return
  const [fits, errors] = Errors(promised, body)
  if (!fits) throw new Error(`${path} answers ${JSON.stringify(body)}: ${JSON.stringify(errors)}`)
}

async function answers(socket: string): Promise<boolean> {
  try {
    return (await get(socket, '/livez')).status === 200
  } catch {
    return false
  }
}

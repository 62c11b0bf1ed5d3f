// checkpassword (https://cr.yp.to/checkpwd/interface.html) as Dovecot speaks it: asks the running service on its Unix
// socket. CommonJS and node:net alone, because it is started for every sign-in.
const { spawnSync } = require('node:child_process') as typeof import('node:child_process')
const { fstatSync, readFileSync, readSync } = require('node:fs') as typeof import('node:fs')
const { isUtf8 } = require('node:buffer') as typeof import('node:buffer')
const { parseEnv } = require('node:util') as typeof import('node:util')
const { connect } = require('node:net') as typeof import('node:net')

type Answer = { verdict?: unknown; user?: unknown; found?: unknown; fields?: unknown; code?: unknown }
type Environment = Record<string, string>
/** How the process ends: by running the program, or with an exit code and a message. */
type Outcome = { run: Environment } | { exit: number; message?: string }

const REFUSED = 1
const MISUSE = 2
const NO_SUCH_USER = 3
const TEMPFAIL = 111
const INPUT_LIMIT = 16 * 1024
const ANSWER_LIMIT = 64 * 1024
const INSTALLED = '/etc/postferry/postferry.env'
/** Seconds. The service answers within 40 s; Dovecot gives up after 60 s. */
const CLIENT_LIMIT = 45

/** Why the socket cannot be used, for the log; other reasons by their code. */
const CAUSES: Readonly<Record<string, string>> = {
  ENOENT: 'it does not exist: postferry is not running, or POSTFERRY_SOCKET is another one',
  ECONNREFUSED: 'nobody answers: postferry is not running',
  EACCES: "no permission: extra_groups in Dovecot's service auth and service auth-worker must be its group",
}
const NONSENSE = 'postferry gave an invalid answer'

const MISUSED: Outcome = {
  exit: MISUSE,
  message: 'usage: checkpassword PROG [ARGS…], with "user\\0password\\0…" on descriptor 3 (Dovecot 2.3 only)',
}

function main(prog: readonly string[]): void {
  // Node would end with 1, which means "refused".
  process.on('uncaughtException', ({ name, code = name }: NodeJS.ErrnoException) => {
    process.stderr.write(`checkpassword: ${code}\n`)
    process.exit(TEMPFAIL)
  })
  const input = prog.length === 0 ? null : personIn(readDescriptor3())
  if (input === null) end(MISUSED, prog)
  else askAbout(input, prog)
}

function askAbout([username, password]: [string, string], prog: readonly string[]): void {
  // A userdb lookup of Dovecot's: there is no password.
  if (process.env.AUTHORIZED === '1')
    ask('/v1/userdb', { username }, (answer, cause) => end(lookedUp(answer, cause), prog))
  else {
    const { SERVICE: service, TCPREMOTEIP: real_rip, AUTH_SESSION: session } = process.env
    const login = { username, password, service, real_rip, session }
    ask('/v1/passdb', login, (answer, cause) => end(signedIn(answer, cause), prog))
  }
}

/** User name and password, or null when these bytes do not carry them. */
function personIn(bytes: Buffer): [string, string] | null {
  const [username, password, timestamp] = bytes.toString('utf8').split('\0')
  if (!username || password === undefined || timestamp === undefined) return null
  // In place of what is not UTF-8 a password is sent that nobody can have.
  return isUtf8(bytes) ? [username, password] : [username, '\0']
}

/** @param cause why there is no answer, when there is none */
function signedIn({ verdict, user, fields, code }: Answer, cause = NONSENSE): Outcome {
  if (verdict === 'mismatch' || verdict === 'disabled' || verdict === 'expired') return { exit: REFUSED }
  if (verdict === 'tempfail') return { exit: TEMPFAIL, message: `postferry could not ask, code ${codeIn(code)}` }
  const environment = verdict === 'ok' ? environmentOf(user, fields) : null
  return environment === null ? { exit: TEMPFAIL, message: cause } : { run: environment }
}

function lookedUp({ found, fields }: Answer, cause = NONSENSE): Outcome {
  if (found === false) return { exit: NO_SUCH_USER }
  const { user, ...others } = (found === true && isObject(fields) ? fields : {}) as Record<string, unknown>
  const prefixed = Object.fromEntries(Object.entries(others).map(([name, value]) => [`userdb_${name}`, value]))
  const environment = environmentOf(user, prefixed)
  if (environment === null) return { exit: TEMPFAIL, message: cause }
  return { run: { ...environment, AUTHORIZED: '2' } }
}

function codeIn(code: unknown): string {
  return typeof code === 'string' && /^[a-z-]{1,40}$/.test(code) ? code : 'unknown'
}

/** What Dovecot's checkpassword-reply reads from its environment; null when it cannot be that. */
function environmentOf(user: unknown, fields: unknown): Environment | null {
  if (!isValue(user) || user === '' || !isObject(fields) || !Object.values(fields).every(isValue)) return null
  // Only Dovecot's Lua hands sessions on.
  if ('proxy' in fields) return null
  const { userdb_home: home = '', ...extra } = fields as Environment
  return { USER: user, HOME: home, EXTRA: Object.keys(extra).join(' '), ...extra }
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isValue(value: unknown): value is string {
  return typeof value === 'string' && !value.includes('\0')
}

/** What descriptor 3 has, up to the limit; nothing when it is closed. */
function readDescriptor3(): Buffer {
  const buffer = Buffer.alloc(INPUT_LIMIT)
  let length = 0
  try {
    for (let read = 1; read > 0 && length < INPUT_LIMIT; length += read) {
      read = readSync(3, buffer, length, INPUT_LIMIT - length, null)
    }
  } catch {
    return Buffer.alloc(0)
  }
  return buffer.subarray(0, length)
}

function ask(path: string, body: object, onAnswer: (answer: Answer, cause: string) => void): void {
  const json = JSON.stringify(body)
  const head = `POST ${path} HTTP/1.0\r\nuser-agent: postferry-checkpassword\r\ncontent-type: application/json`
  const socket = socketPath()
  const connection = connect(socket)
  let response = ''
  const answer = (text: string, cause = NONSENSE): void => {
    clearTimeout(limit)
    connection.removeAllListeners().on('error', () => undefined)
    connection.destroy()
    onAnswer(answerIn(text), cause)
  }
  const seconds = Number(process.env.POSTFERRY_CLIENT_LIMIT_SECONDS) || CLIENT_LIMIT
  const limit = setTimeout(answer, 1_000 * seconds, '', `postferry did not answer within ${seconds} s`)
  connection.setEncoding('utf8').on('data', (chunk: string) => {
    response += chunk
    if (response.length > ANSWER_LIMIT) answer('', "postferry's answer is too long")
  })
  connection.on('end', () => answer(response, causeIn(response)))
  connection.on('error', ({ code = '' }: NodeJS.ErrnoException) => {
    answer('', `cannot open ${socket}: ${CAUSES[code] ?? code}`)
  })
  connection.write(`${head}\r\ncontent-length: ${Buffer.byteLength(json)}\r\n\r\n${json}`)
}

/** Why a response is not a valid answer. */
function causeIn(response: string): string {
  const [, status] = /^HTTP\/1\.[01] (\d{3}) /.exec(response) ?? []
  return status === undefined
    ? 'postferry closed the connection without an answer'
    : `${NONSENSE}: HTTP status ${status}`
}

/** The body of an HTTP response; empty when it is no JSON object. */
function answerIn(response: string): Answer {
  try {
    const answer = JSON.parse(response.slice(response.indexOf('\r\n\r\n') + 4))
    return isObject(answer) ? answer : {}
  } catch {
    return {}
  }
}

function socketPath(): string {
  // Dovecot passes no environment on: the settings file completes it, where it may be read.
  const { POSTFERRY_SOCKET: socket, POSTFERRY_DATA_DIR: dataDir } = { ...installedSettings(), ...process.env }
  return socket || `${dataDir || './data'}/postferry.sock`
}

/**
 * The settings file, where it may be read. It does not go into the environment: the program would inherit its secrets.
 */
function installedSettings(): NodeJS.Dict<string> {
  try {
    return parseEnv(readFileSync(process.env.POSTFERRY_SETTINGS_FILE ?? INSTALLED, 'utf8'))
  } catch {
    return {}
  }
}

function end(outcome: Outcome, prog: readonly string[]): void {
  if ('run' in outcome) process.exitCode = run(prog, { ...process.env, ...outcome.run })
  else {
    if (outcome.message !== undefined) process.stderr.write(`checkpassword: ${outcome.message}\n`)
    process.exitCode = outcome.exit
  }
}

/** Runs the program that takes over, and returns its exit code. */
function run([command = '', ...args]: readonly string[], env: NodeJS.ProcessEnv): number {
  // Dovecot's own program writes its reply to descriptor 4. Node would close both at an execve.
  const stdio = [0, 1, 2, 3, 4].map((fd) => (isOpen(fd) ? fd : 'ignore'))
  const { status } = spawnSync(command, args, { stdio, env } as import('node:child_process').SpawnSyncOptions)
  return status ?? TEMPFAIL
}

function isOpen(fd: number): boolean {
  try {
    fstatSync(fd)
    return true
  } catch {
    return false
  }
}

if (require.main === module) main(process.argv.slice(2))

module.exports = { personIn, signedIn, lookedUp, answerIn }

// checkpassword (https://cr.yp.to/checkpwd/interface.html) as Dovecot speaks it: asks the running service over its
// Unix socket. CommonJS and node:net alone, because it is started for every sign-in.
const { spawnSync } = require('node:child_process') as typeof import('node:child_process')
const { fstatSync, readFileSync, readSync } = require('node:fs') as typeof import('node:fs')
const { isUtf8 } = require('node:buffer') as typeof import('node:buffer')
const { parseEnv } = require('node:util') as typeof import('node:util')
const { connect } = require('node:net') as typeof import('node:net')

type Answer = { verdict?: string; user?: string; found?: boolean; fields?: Record<string, string> }

const REFUSED = 1
const MISUSE = 2
const NO_SUCH_USER = 3
const TEMPFAIL = 111
const INPUT_LIMIT = 4096
const ANSWER_LIMIT = 64 * 1024
const ANSWER_LIMIT_MS = 40_000
const SETTINGS_FILE = '/etc/mailferry/mailferry.env'

function main(prog: readonly string[]): void {
  const input = prog.length === 0 ? null : readInput()
  if (input === null) exit(MISUSE, 'usage: checkpassword PROG [ARGS…], with "user\\0password\\0…" on descriptor 3')
  // Dovecot asks about a person whom it let in otherwise, without a password.
  else if (process.env.AUTHORIZED === '1') lookUp(input[0], prog)
  else signIn(input[0], input[1], prog)
}

function signIn(username: string, password: string, prog: readonly string[]): void {
  const { SERVICE: service, TCPREMOTEIP: real_rip, AUTH_SESSION: session } = process.env
  ask('/v1/passdb', { username, password, service, real_rip, session }, ({ verdict, user, fields }) => {
    if (verdict === 'ok') run(prog, user ?? username, fields ?? {}, {})
    else if (verdict === 'mismatch' || verdict === 'disabled' || verdict === 'expired') exit(REFUSED)
    else exit(TEMPFAIL, 'mailferry could not decide')
  })
}

function lookUp(username: string, prog: readonly string[]): void {
  ask('/v1/userdb', { username }, ({ found, fields = {} }) => {
    const { user = username, ...others } = fields
    const prefixed = Object.fromEntries(Object.entries(others).map(([name, value]) => [`userdb_${name}`, value]))
    if (found === true) run(prog, user, prefixed, { AUTHORIZED: '2' })
    else if (found === false) exit(NO_SUCH_USER)
    else exit(TEMPFAIL, 'mailferry could not look the person up')
  })
}

/** User name and password, or null when descriptor 3 does not carry them. */
function readInput(): [string, string] | null {
  const buffer = Buffer.alloc(INPUT_LIMIT)
  let length = 0
  try {
    for (let read = 1; read > 0 && length < INPUT_LIMIT; length += read) {
      read = readSync(3, buffer, length, INPUT_LIMIT - length, null)
    }
  } catch {
    return null
  }
  // What is not UTF-8 is sent as a password that nobody can have.
  const bytes = buffer.subarray(0, length)
  const [username, password, timestamp] = bytes.toString('utf8').split('\0')
  if (!username || password === undefined || timestamp === undefined) return null
  return isUtf8(bytes) ? [username, password] : [username, '\0']
}

function ask(path: string, question: object, onAnswer: (answer: Answer) => void): void {
  const body = JSON.stringify(question)
  const request = `POST ${path} HTTP/1.0\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n`
  const connection = connect(socketPath())
  let response = ''
  let answered = false
  const answer = (text: string): void => {
    if (answered) return
    answered = true
    connection.destroy()
    onAnswer(parse(text))
  }
  connection.setEncoding('utf8').setTimeout(ANSWER_LIMIT_MS)
  connection.on('data', (chunk: string) => {
    response += chunk
    if (response.length > ANSWER_LIMIT) answer('')
  })
  connection.on('end', () => answer(response))
  connection.on('timeout', () => answer(''))
  connection.on('error', () => answer(''))
  connection.write(request + body)
}

/** The body of an HTTP response; no answer at all when it is no JSON. */
function parse(response: string): Answer {
  try {
    return JSON.parse(response.slice(response.indexOf('\r\n\r\n') + 4)) as Answer
  } catch {
    return {}
  }
}

function socketPath(): string {
  // Dovecot passes no environment on: the settings file of the installation completes it, where it may be read.
  const { MAILFERRY_SOCKET: socket, MAILFERRY_DATA_DIR: dataDir } = { ...installedSettings(), ...process.env }
  return socket || `${dataDir || './data'}/mailferry.sock`
}

/** The settings file, where it may be read. It does not go into the environment: the program would inherit its secrets. */
function installedSettings(): NodeJS.Dict<string> {
  try {
    return parseEnv(readFileSync(SETTINGS_FILE, 'utf8'))
  } catch {
    return {}
  }
}

/** Runs the program that takes over, with the fields in its environment as Dovecot's checkpassword-reply reads them. */
function run(
  prog: readonly string[],
  user: string,
  fields: Record<string, string>,
  more: Record<string, string>,
): void {
  const { userdb_home: home = '', ...extra } = fields
  const env = { ...process.env, USER: user, HOME: home, EXTRA: Object.keys(extra).join(' '), ...extra, ...more }
  const [command = '', ...args] = prog
  // Dovecot's own program writes its reply to descriptor 4. Node would close both at an execve.
  const stdio = [0, 1, 2, 3, 4].map((fd) => (isOpen(fd) ? fd : 'ignore'))
  const { status } = spawnSync(command, args, { stdio, env } as import('node:child_process').SpawnSyncOptions)
  exit(status ?? TEMPFAIL)
}

function isOpen(fd: number): boolean {
  try {
    fstatSync(fd)
    return true
  } catch {
    return false
  }
}

function exit(code: number, message?: string): void {
  if (message !== undefined) process.stderr.write(`checkpassword: ${message}\n`)
  process.exitCode = code
}

main(process.argv.slice(2))

import { once } from 'node:events'
import { accessSync, constants, readFileSync } from 'node:fs'
import { request } from 'node:http'
import { join } from 'node:path'
import { type Settings, settingsFile } from '../../settings.ts'
import type { Finding } from './finding.ts'
import { statOf, tried } from './unix.ts'

const ANSWER_LIMIT_MS = 15_000
const SECRETS = ['auth-token', 'admin-token', 'panel-key']
const [WRITABLE_BY_OTHERS, FOR_OTHERS] = [0o022, 0o007]

/** What a line of the settings file may say that is nobody else's business: tokens, a key, the database's password. */
const SECRET_LINE = /^\s*(POSTFERRY_(AUTH_TOKEN|ADMIN_TOKEN|PANEL_KEY)\s*=.|DATABASE_URL\s*=.*:\/\/[^/@]*:[^/@]+@)/m

/** Who may read the settings, and change them. */
export function* checkSettingsFile(file = settingsFile()): Generator<Finding> {
  const [check, mode] = ['settings file', file === '' ? null : modeOf(file)]
  if (mode === null) return
  const remedy = `chown root:postferry ${file} && chmod 640 ${file}`
  const isSecret = SECRET_LINE.test(tried(() => readFileSync(file, 'utf8'), ''))
  if ((mode & WRITABLE_BY_OTHERS) !== 0) {
    const why = 'whoever writes there decides which database is used, and where passwords go'
    yield { check, result: 'fail', found: `${file} can be written by others (mode ${octal(mode)})`, why, remedy }
  } else if (isSecret && (mode & FOR_OTHERS) !== 0) {
    yield {
      check,
      result: 'fail',
      found: `${file} holds a secret, and everybody reads it (mode ${octal(mode)})`,
      remedy,
    }
  } else yield { check, result: 'ok', found: `${file} has mode ${octal(mode)}` }
}

/** Who may read and write what lies in the data directory. @returns whether this user may look any further */
export function* checkFiles({ dataDir, identityFile }: Settings): Generator<Finding, boolean> {
  const check = 'data directory'
  const folder = modeOf(dataDir)
  if (statOf(dataDir)?.isDirectory() === false) {
    const remedy = 'let POSTFERRY_DATA_DIR name a folder'
    yield { check, result: 'fail', found: `${dataDir} is a file, and no folder`, remedy }
    return false
  }
  if (folder === null) {
    yield { check, result: 'warn', found: `${dataDir} is not there`, remedy: '"postferry serve" makes it' }
    return true
  }
  if (!isMine(dataDir)) {
    yield {
      check,
      result: 'fail',
      found: `${dataDir} is closed to this user`,
      remedy: 'run as the user of "postferry serve"',
    }
    return false
  }
  if ((folder & WRITABLE_BY_OTHERS) === 0) yield { check, result: 'ok', found: `${dataDir} has mode ${octal(folder)}` }
  else {
    const remedy = `chmod go-w ${dataDir}`
    yield { check, result: 'fail', found: `${dataDir} can be written by others (mode ${octal(folder)})`, remedy }
  }
  for (const file of [identityFile, ...SECRETS.map((name) => join(dataDir, name))]) {
    const mode = modeOf(file)
    // A group may be let in on purpose: Dovecot's, to the auth token.
    if (mode === null || (mode & (WRITABLE_BY_OTHERS | FOR_OTHERS)) === 0) continue
    yield { check, result: 'fail', found: `${file} has mode ${octal(mode)}`, remedy: `chmod 600 ${file}` }
  }
  return true
}

/** Whether `serve` answers where the settings say. */
export async function* checkListeners({ socket, host, port }: Settings): AsyncGenerator<Finding> {
  yield await checkListener(`socket ${socket}`, { socketPath: socket })
  if (port !== 0) yield await checkListener(`${host} port ${port}`, { host: REACHED_AT[host] ?? host, port })
}

const REACHED_AT: Readonly<Record<string, string>> = { '0.0.0.0': '127.0.0.1', '::': '::1' }

async function checkListener(
  where: string,
  address: { socketPath: string } | { host: string; port: number },
): Promise<Finding> {
  const check = 'serve'
  try {
    const asked = request({
      ...address,
      path: '/readyz',
      agent: false,
      signal: AbortSignal.timeout(ANSWER_LIMIT_MS),
    }).end()
    const [response] = await once(asked, 'response')
    const status = JSON.parse((await response.setEncoding('utf8').toArray()).join('')).status
    if (status === 'ready') return { check, result: 'ok', found: `${where} is ready` }
    const remedy = 'see the findings above, and the log of "postferry serve"'
    return { check, result: 'fail', found: `${where} is not ready`, remedy }
  } catch (error) {
    const { code = '', message } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ECONNREFUSED') {
      const remedy = 'start "postferry serve"; a host that only copies mail needs none'
      return { check, result: 'warn', found: `nobody answers on ${where}`, remedy }
    }
    const found = error instanceof SyntaxError ? `another program answers on ${where}` : `${where}: ${message}`
    return { check, result: 'fail', found, remedy: 'correct POSTFERRY_SOCKET, POSTFERRY_HOST or POSTFERRY_PORT' }
  }
}

/** Null: it is not there, or nobody can tell this user. */
function modeOf(path: string): number | null {
  const stats = statOf(path)
  return stats === null ? null : stats.mode & 0o777
}

function isMine(folder: string): boolean {
  return tried(() => accessSync(folder, constants.R_OK | constants.X_OK) === undefined, false)
}

function octal(mode: number): string {
  return mode.toString(8).padStart(4, '0')
}

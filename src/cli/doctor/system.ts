import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { bytesText, type Room } from '../../copying/free-space.ts'
import type { Deps } from '../../operations/deps.ts'
import type { Settings } from '../../settings.ts'
import type { Finding } from './finding.ts'

const LIMIT_MS = 10_000
const UNITS = ['postferry', 'postferry-sync', 'postferry-postgresql', 'postferry-postfix-sasl', 'dovecot'].map(
  (name) => `${name}.service`,
)
const SHOWN = 'Id,LoadState,ActiveState,SubState,UnitFileState,NRestarts'
const MANY_RESTARTS = 5

/** Whether the units that are installed run, and will after a restart of the host. */
export async function* checkUnits(): AsyncGenerator<Finding> {
  const check = 'units'
  const shown = await promisify(execFile)('systemctl', ['show', `--property=${SHOWN}`, ...UNITS], { timeout: LIMIT_MS })
    .then(({ stdout }) => unitsIn(stdout).filter(({ LoadState }) => LoadState !== 'not-found'))
    .catch(() => null)
  if (shown === null) return yield { check, result: 'ok', found: 'no systemd here' }
  if (shown.length === 0) yield { check, result: 'ok', found: 'none is installed' }
  for (const unit of shown) yield { check: 'unit', ...stateOf(unit) }
}

type Unit = Readonly<Record<string, string>>

function unitsIn(text: string): Unit[] {
  return text
    .trim()
    .split('\n\n')
    .map((lines) => Object.fromEntries(lines.split('\n').map((line) => line.split(/=(.*)/s).slice(0, 2))))
}

function stateOf({
  Id = '',
  LoadState,
  ActiveState,
  SubState,
  UnitFileState,
  NRestarts,
}: Unit): Omit<Finding, 'check'> {
  const log = `journalctl -u ${Id} -n 50`
  if (LoadState !== 'loaded') return { result: 'fail', found: `${Id} cannot be loaded (${LoadState})`, remedy: log }
  if (ActiveState === 'failed') return { result: 'fail', found: `${Id} has failed (${SubState})`, remedy: log }
  if (ActiveState !== 'active' && ActiveState !== 'activating') {
    return { result: 'warn', found: `${Id} does not run (${ActiveState})`, remedy: `systemctl enable --now ${Id}` }
  }
  if (Number(NRestarts) >= MANY_RESTARTS)
    return { result: 'warn', found: `${Id} was started again ${NRestarts} times`, remedy: log }
  if (UnitFileState === 'disabled') {
    const why = 'it will not run after the next restart of this host'
    return { result: 'warn', found: `${Id} is not enabled`, why, remedy: `systemctl enable ${Id}` }
  }
  return { result: 'ok', found: `${Id} runs` }
}

/** Whether copying may write where it writes. */
export function checkRoom({ home, dataDir }: Settings, stateFolder: string, room: Room): Finding {
  const check = 'room'
  const homes = home.replace(/\/[^/]*%.*$/, '') || '/'
  const [least] = [homes, stateFolder, dataDir]
    .map((folder) => ({ folder, left: room.left(folder) }))
    .sort((one, other) => one.left - other.left)
  if (least === undefined || least.left > 0) {
    return { check, result: 'ok', found: `${bytesText(least?.left ?? 0)} may still be copied to ${least?.folder}` }
  }
  const found = `nothing more may be copied to ${least.folder}: what is free there is kept for new mail`
  const remedy = 'make room there, or lower POSTFERRY_KEEP_FREE_PERCENT'
  return { check, result: 'fail', found, why: 'people stay new-full until there is', remedy }
}

const SKEW_MS = 5_000

/** Whether this host and the database agree on the time. */
export async function checkClock({ database }: Pick<Deps, 'database'>, now = Date.now): Promise<Finding> {
  const check = 'clock'
  const before = now()
  const theirs = (await database.clock()).getTime()
  const after = now()
  const skew = theirs - (before + after) / 2
  if (Math.abs(skew) - (after - before) / 2 < SKEW_MS) {
    return { check, result: 'ok', found: 'as the clock of the database' }
  }
  const seconds = Math.round(Math.abs(skew) / 1000)
  const found = `this host is ${seconds} s ${skew > 0 ? 'behind' : 'ahead of'} the database`
  const why = 'one-time codes of the panel are refused, and times of two hosts cannot be compared'
  return { check, result: 'warn', found, why, remedy: 'timedatectl set-ntp true, on both hosts' }
}

import { readFileSync, type Stats } from 'node:fs'
import { dirname, join } from 'node:path'
import { type Block, type Dovecot, isBefore, within } from '../../files/doveconf.ts'
import { PROGRAM } from '../../installed.ts'
import type { Settings } from '../../settings.ts'
import type { Finding } from './finding.ts'
import { entryOf, groupWith, statOf, tried } from './unix.ts'

/** Which driver a passdb has: said in the block with 2.3, by its name with 2.4. */
export function driverOf({ name, settings }: Block): string {
  return settings.get('driver') ?? settings.get('passdb_driver') ?? name
}

export function isOurs(driver: string): boolean {
  return driver === 'lua' || driver === 'checkpassword'
}

/** The passdb that asks postferry. */
export function askerIn({ all }: Dovecot): Block | undefined {
  return all.blocks.find((one) => one.kind === 'passdb' && isOurs(driverOf(one)))
}

/** Who one of Dovecot's services is: root reads everything. */
interface Identity {
  readonly service: string
  readonly uid: number
  readonly gids: readonly number[]
}

/** Whether the processes of Dovecot that ask postferry reach its socket, or may read its token. */
export function* checkReach(dovecot: Dovecot, settings: Settings): Generator<Finding> {
  const asker = askerIn(dovecot)
  if (asker === undefined) return
  const said = toldTo(dovecot, asker)
  const services = driverOf(asker) === 'lua' ? ['auth-worker'] : ['auth', 'auth-worker']
  const who = services.map((service) => identityOf(dovecot, service))
  const socket = said('POSTFERRY_SOCKET')
  if (socket !== undefined) yield checkSocket(socket, who, settings)
  else yield checkToken(said('POSTFERRY_AUTH_TOKEN_FILE'), who, settings)
}

/** What postferry's part in Dovecot is told: by the environment, the program's arguments, or lua_settings. */
function toldTo({ all }: Dovecot, asker: Block): (name: string) => string | undefined {
  const own = within(asker, 'lua_settings', '').settings
  const text = `${all.settings.get('import_environment') ?? ''} ${asker.settings.get('args') ?? ''}`
  // Whatever is said last counts.
  return (name) => own.get(name) ?? [...text.matchAll(new RegExp(`(?:^|\\s)${name}=(\\S+)`, 'g'))].at(-1)?.[1]
}

function checkSocket(socket: string, who: readonly Identity[], settings: Settings): Finding {
  const [check, id] = ['dovecot', 'dovecot-socket']
  const stats = statOf(socket)
  if (stats === null) {
    if (socket === settings.socket)
      return { check, id, result: 'warn', found: `${socket} is not there yet`, remedy: 'start "postferry serve"' }
    const found = `Dovecot asks at ${socket}, and postferry listens on ${settings.socket}`
    return { check, id, result: 'fail', found, remedy: `POSTFERRY_SOCKET = ${settings.socket}, in Dovecot's files` }
  }
  for (const one of who) {
    const folder = closedFolder(socket, one)
    if (folder !== null) {
      const found = `service ${one.service} does not get into ${folder}`
      const remedy = 'let POSTFERRY_SOCKET lie in a folder that is open to it, as systemd makes /run/postferry'
      return { check, id, result: 'fail', found, why: WHY, remedy }
    }
    if (may(one, stats, 0o2)) continue
    const group = groupWith(stats.gid)
    const remedy = `extra_groups = ${group}, inside of service ${one.service} (membership of its user does not count)`
    return { check, id, result: 'fail', found: `service ${one.service} may not open ${socket}`, why: WHY, remedy }
  }
  return { check, id, result: 'ok', found: `it may open ${socket}` }
}

/** Of the version that runs here. */
const SHIPPED = join(PROGRAM, 'deploy/dovecot/postferry.lua')

/** Whether the Lua script that Dovecot runs belongs to this version. */
export function* checkLua(dovecot: Dovecot): Generator<Finding> {
  const settings = askerIn(dovecot)?.settings
  const file = settings?.get('lua_file') ?? /file=(\S+)/.exec(settings?.get('args') ?? '')?.[1]
  if (file === undefined) return
  const [check, id] = ['dovecot', 'dovecot-lua']
  const [theirs, ours] = [textOf(file), textOf(SHIPPED)]
  const remedy = `install -m 644 ${SHIPPED} ${file}, then: doveadm reload`
  if (theirs === null) yield { check, id, result: 'fail', found: `${file} cannot be read`, why: WHY, remedy }
  else if (theirs === ours) yield { check, id, result: 'ok', found: `${file} is of this version` }
  else yield { check, id, result: 'warn', found: `${file} is not the one of this version`, remedy }
}

const WHY = 'every sign-in through Dovecot is answered "try again"'

function checkToken(file: string | undefined, who: readonly Identity[], settings: Settings): Finding {
  const [check, id] = ['dovecot', 'dovecot-token']
  const wrong = (found: string, remedy: string): Finding => ({ check, id, result: 'fail', found, why: WHY, remedy })
  const own = join(settings.dataDir, 'auth-token')
  if (file === undefined)
    return wrong('it is told no token', 'POSTFERRY_AUTH_TOKEN_FILE = /etc/dovecot/postferry.token')
  const install = `install -m 640 -g dovecot ${own} ${file}`
  const stats = statOf(file)
  if (stats === null) return wrong(`${file} is not there`, install)
  const shut = who.find((one) => closedFolder(file, one) !== null || !may(one, stats, 0o4))
  if (shut !== undefined) return wrong(`service ${shut.service} may not read ${file}`, install)
  const [theirs, ours] = [textOf(file), settings.authToken ?? textOf(own)]
  if (theirs === null || ours === null) return { check, id, result: 'ok', found: `it may read ${file}` }
  return theirs === ours
    ? { check, id, result: 'ok', found: 'it has the auth token' }
    : wrong(`${file} is not the auth token in force`, install)
}

function identityOf(dovecot: Dovecot, service: string): Identity {
  const { all } = dovecot
  const { settings } = within(all, 'service', service)
  const internal = all.settings.get('default_internal_user') ?? 'dovecot'
  // The auth workers of 2.3 are root's unless somebody says otherwise.
  const unset = service === 'auth-worker' && isBefore(dovecot, 2, 4) ? 'root' : internal
  const user = (settings.get('user') ?? unset).replace(/^\$.*/, internal) || 'root'
  const [, , uid = '-1', gid = '-1'] = entryOf('/etc/passwd', user) ?? []
  const groups = (settings.get('extra_groups') ?? '').split(/[\s,]+/).filter((name) => name !== '')
  const named = [...groups, settings.get('group') ?? ''].map((name) => Number(entryOf('/etc/group', name)?.[2] ?? -1))
  return { service, uid: Number(uid), gids: [Number(gid), ...named] }
}

/** A folder above that it may not pass; null: it may pass all. */
function closedFolder(path: string, one: Identity): string | null {
  for (let folder = dirname(path); folder !== '/'; folder = dirname(folder)) {
    const stats = statOf(folder)
    if (stats !== null && !may(one, stats, 0o1)) return folder
  }
  return null
}

/** @param right 4: read, 2: write, 1: pass */
function may({ uid, gids }: Identity, { mode, uid: owner, gid: group }: Stats, right: number): boolean {
  if (uid === 0) return true
  if (uid === owner) return (mode & (right << 6)) !== 0
  return (mode & (gids.includes(group) ? right << 3 : right)) !== 0
}

function textOf(file: string): string | null {
  return tried(() => readFileSync(file, 'utf8').trim(), null)
}

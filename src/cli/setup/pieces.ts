import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Access } from '../../files/atomic.ts'
import { PROGRAM } from '../../installed.ts'
import { SettingsError } from '../../settings.ts'
import { settingsIn, withSetting } from '../../settings-file.ts'
import { overruled, valueIn, withEntries } from './main-cf.ts'
import { withServices } from './master-cf.ts'

export type DovecotVersion = '2.3' | '2.4'

export interface Wanted {
  /** What stands before /etc. */
  readonly into: string
  readonly dovecot: DovecotVersion
  readonly mailOwner: string
  /** POSTFERRY_HOME; undefined: as the settings have it. */
  readonly home: string | undefined
  /** What Dovecot shows, and what ends sessions there; null: they are not put into the folder. */
  readonly secrets: { readonly token: string; readonly doveadmKey: string } | null
  /** Whether people can work on the old server until their flip. */
  readonly isProxied: boolean
  /** The Postfix that is to ask; null: none does. */
  readonly postfix: Postfix | null
}

/** What its files say. */
export interface Postfix {
  readonly mainCf: string
  /** Null: it is not there. */
  readonly masterCf: string | null
}

/** A file as it shall be. */
export interface Piece {
  readonly path: string
  readonly text: string
  readonly access: Access
  /** Its text is shown to nobody. */
  readonly isSecret?: true
}

/** Where deploy/ says that the program is. */
const PROGRAM_IN_DEPLOY = '/opt/postferry'
const OPEN: Access = { mode: 0o644 }
/** The name decides what Dovecot reads before and after it: deploy/dovecot tells. */
const MAIN_FILE = { '2.3': '11-postferry.conf', '2.4': '99-postferry.conf' } as const
const INCLUDED = {
  '2.3': ['postferry-lua.conf.ext', 'postferry-checkpassword.conf.ext'],
  '2.4': ['postferry-lua.conf.ext'],
} as const
const PROXY = 'postferry-proxy.conf.ext'
const LOGINS = '/usr/lib/dovecot'
const SOCKETMAP = '/var/spool/postfix/postferry/socketmap.sock'
export const SHIPPED_OWNER = 'vmail'
/** For who copies, and nobody else: it opens all mail. */
export const DOVEADM_KEY = '/etc/postferry/doveadm-key'
const SHIPPED_HOMES = '/var/vmail'

/** Every file that the settings, Dovecot, Postfix and the units need. */
export function pieces(wanted: Wanted): Piece[] {
  return [...settingsPieces(wanted), ...dovecotPieces(wanted), ...postfixPieces(wanted), ...unitPieces(wanted)]
}

function settingsPieces(wanted: Wanted): Piece[] {
  const text = settingsText(wanted)
  return [{ path: settingsFile(wanted), text, access: { mode: 0o640, ...groupNamed('postferry') } }]
}

function settingsFile({ into }: Wanted): string {
  return join(into, '/etc/postferry/postferry.env')
}

/** @throws SettingsError when it would be a file that no command reads */
function settingsText(wanted: Wanted): string {
  const file = settingsFile(wanted)
  const text = textOf(file) ?? shipped('debian/postferry.env')
  const before = settingsIn(text, file)
  const set = [
    ...(wanted.home === undefined ? [] : [['POSTFERRY_HOME', wanted.home] as const]),
    // What is set already is kept: there may be other Dovecots.
    ...(wanted.isProxied ? SETTINGS_FOR_FLIPS.filter(([name]) => before[name] === undefined) : []),
    ...(wanted.postfix === null ? [] : settingsForPostfix(before, wanted.postfix)),
  ]
  const after = set.reduce((text, [name, value]) => withSetting(text, name, value), text)
  settingsIn(after, file)
  return after
}

const SETTINGS_FOR_FLIPS = [
  ['POSTFERRY_DOVEADM_URLS', 'http://127.0.0.1:8026'],
  ['POSTFERRY_DOVEADM_KEY_FILE', DOVEADM_KEY],
] as const

function settingsForPostfix(
  before: Readonly<Record<string, string>>,
  { mainCf }: Postfix,
): (readonly [name: string, value: string])[] {
  const delimiter = valueIn(mainCf, 'recipient_delimiter') ?? ''
  // More than one of them, or another one, is for the administrator to decide: doctor tells.
  const isKnown = /^[+\-_=#]$/.test(delimiter) && before.POSTFERRY_RECIPIENT_DELIMITER === undefined
  return [
    ['POSTFERRY_SOCKETMAP_SOCKET', SOCKETMAP],
    ...(isKnown ? [['POSTFERRY_RECIPIENT_DELIMITER', delimiter] as const] : []),
  ]
}

function dovecotPieces(wanted: Wanted): Piece[] {
  const { into, dovecot } = wanted
  const folder = join(into, '/etc/dovecot')
  const included = INCLUDED[dovecot].map((name) => {
    return { path: join(folder, 'conf.d', name), text: shipped(`dovecot/${dovecot}/${name}`), access: OPEN }
  })
  return [
    { path: join(folder, 'conf.d', MAIN_FILE[dovecot]), text: mainFile(wanted), access: OPEN },
    ...included,
    ...(wanted.isProxied ? [withLogins(join(folder, 'conf.d', PROXY), dovecot)] : []),
    { path: join(folder, 'postferry.lua'), text: shipped('dovecot/postferry.lua'), access: OPEN },
    ...withoutSystemUsers(folder),
    ...secretPieces(wanted),
  ]
}

function mainFile({ dovecot, mailOwner, isProxied }: Wanted): string {
  const text = shipped(`dovecot/${dovecot}/postferry.conf`).replaceAll(
    /^mail_([ug])id = .*$/gm,
    (_, which) => `mail_${which}id = ${mailOwner}`,
  )
  return isProxied ? text.replace(`#!include ${PROXY}`, `!include ${PROXY}`) : text
}

/** Sessions of every login service that is installed can be ended. */
function withLogins(path: string, dovecot: DovecotVersion): Piece {
  const text = shipped(`dovecot/${dovecot}/${PROXY}`).replaceAll(
    /^#service (\S+-login) \{\n#(.*)\n#\}$/gm,
    (shown, service, line) => (existsSync(join(LOGINS, service)) ? `service ${service} {\n${line}\n}` : shown),
  )
  return { path, text, access: OPEN }
}

function secretPieces({ into, mailOwner, isProxied, secrets }: Wanted): Piece[] {
  if (secrets === null) return []
  const { token, doveadmKey } = secrets
  const secret = (path: string, text: string, access: Access): Piece => {
    return { path: join(into, path), text: `${text}\n`, access, isSecret: true }
  }
  const forDovecot = { mode: 0o640, ...groupNamed('dovecot') }
  return [
    secret('/etc/dovecot/postferry.token', token, forDovecot),
    ...(isProxied
      ? [
          secret(DOVEADM_KEY, doveadmKey, { mode: 0o640, ...groupOf(mailOwner) }),
          secret('/etc/dovecot/postferry-doveadm-key.conf.ext', `doveadm_api_key = ${doveadmKey}`, { mode: 0o600 }),
        ]
      : []),
  ]
}

/** Debian's Dovecot asks PAM: it would be asked first. */
function withoutSystemUsers(folder: string): Piece[] {
  const path = join(folder, 'conf.d/10-auth.conf')
  const text = textOf(path)
  if (text === null) return []
  return [{ path, text: text.replaceAll(/^!include auth-system/gm, '#!include auth-system'), access: OPEN }]
}

/** Postfix asks who is here, asks for passwords through the relay, and gives mail to Dovecot. */
function postfixPieces({ into, postfix }: Wanted): Piece[] {
  if (postfix === null) return []
  const { mainCf, masterCf } = postfix
  const services = masterCf !== null && withServices(masterCf, shipped('postfix/postferry-submission.cf'))
  const files = {
    '/etc/postfix/main.cf': withEntries(mainCf, ofPostfix()),
    ...(services === false ? {} : { '/etc/postfix/master.cf': services }),
    '/etc/dovecot/conf.d/98-postferry-postfix.conf': shipped('dovecot/postferry-postfix.conf'),
    '/etc/tmpfiles.d/postferry-postfix.conf': shipped('systemd/postferry-postfix.conf'),
  }
  return Object.entries(files).map(([path, text]) => ({ path: join(into, path), text, access: OPEN }))
}

function ofPostfix(): string {
  return ['sasl', 'maps', 'delivery'].map((name) => shipped(`postfix/postferry-${name}.cf`)).join('\n')
}

/** Settings of a main.cf, for domains that postferry does not know, perhaps, which its own would take the place of. */
export function settingsOfOthers(mainCf: string): string[] {
  return overruled(mainCf, ofPostfix())
}

/** Who copies, and where, when that is not as in the unit. */
function unitPieces(wanted: Wanted): Piece[] {
  const { into, mailOwner } = wanted
  const { POSTFERRY_HOME: home = '' } = settingsIn(settingsText(wanted), settingsFile(wanted))
  const homes = home.replace(/\/[^/]*%.*$/, '') || SHIPPED_HOMES
  const lines = [
    ...(mailOwner === SHIPPED_OWNER ? [] : [`User=${mailOwner}`, `Group=${mailOwner}`]),
    ...(homes === SHIPPED_HOMES ? [] : [`ReadWritePaths=${inUnit(`-${homes}`)}`]),
  ]
  const path = join(into, '/etc/systemd/system/postferry-sync.service.d/setup.conf')
  if (lines.length === 0) return []
  return [{ path, text: `# Made by "postferry setup".\n[Service]\n${lines.join('\n')}\n`, access: OPEN }]
}

/** A word of a unit (systemd.syntax(7)). */
function inUnit(word: string): string {
  return /[\s"'\\]/.test(word) ? `"${word.replaceAll(/["\\]/g, '\\$&')}"` : word
}

function shipped(name: string): string {
  return readFileSync(join(PROGRAM, 'deploy', name), 'utf8').replaceAll(PROGRAM_IN_DEPLOY, PROGRAM)
}

/** Null: it is not there. */
export function textOf(path: string): string | null {
  try {
    return existsSync(path) ? readFileSync(path, 'utf8') : null
  } catch (error) {
    throw new SettingsError(`cannot read ${path} (${(error as NodeJS.ErrnoException).code})`)
  }
}

function groupNamed(name: string): { uid: number; gid: number } | object {
  const [, , gid] = entryIn('/etc/group', name)
  return gid === undefined ? {} : { uid: 0, gid: Number(gid) }
}

function groupOf(user: string): { uid: number; gid: number } | object {
  const [, , , gid] = entryIn('/etc/passwd', user)
  return gid === undefined ? {} : { uid: 0, gid: Number(gid) }
}

function entryIn(file: string, name: string): string[] {
  const lines = readFileSync(file, 'utf8').split('\n')
  return lines.map((line) => line.split(':')).find(([first]) => first === name) ?? []
}

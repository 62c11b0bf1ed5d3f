import { execFileSync } from 'node:child_process'
import { chown, cp, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Certificate, certificates } from './certificates.ts'
import { type Debian, OWN } from './debian.ts'
import { type Dovecot, type Place, startDovecot } from './dovecot.ts'

const CHECKOUT = fileURLToPath(new URL('../../', import.meta.url))
const SHIPPED = join(CHECKOUT, 'deploy/dovecot')

/** How the new server asks postferry. */
export type Passdb =
  | { passdb: 'lua'; url: string; token: string }
  | { passdb: 'lua-unix'; socket: string }
  | { passdb: 'checkpassword'; socket: string }

/** By which ways its Dovecot can ask. */
export function passdbsOf({ dovecot }: Debian): readonly Passdb['passdb'][] {
  return dovecot === '2.3' ? ['lua', 'lua-unix', 'checkpassword'] : ['lua', 'lua-unix']
}

export type NewSettings = Passdb & {
  /** Whose Dovecot it is; the machine's own by default. */
  debian?: Debian
  /**
   * Where the homes are that postferry answers with. Made when it is not there. Must be reachable for `mailOwner`, so
   * not inside a folder with mode 0700. Without it: the server's own `mailRoot`.
   */
  homeRoot?: string
  tls?: Certificate
  /** Where it listens; loopback by default. */
  address?: string
  /** Whoever answers it is a script, and may answer anything. */
  isScripted?: boolean
  /** Hands sessions of proxied people on; the port is that of doveadm's HTTP interface. */
  proxy?: { port: number; key: string }
  /** Shortens the time that the Lua script gives postferry. */
  clientLimitSeconds?: number
  /** More Dovecot settings, after all others. */
  configuration?: string
}

/** How the Lua script calls a yes that it cannot use. */
const MISUNDERSTOOD = /postferry: ok without user or with fields that are not strings/

/**
 * The new server: a real Dovecot with the very files that an administrator installs, only in other places. Its disposal
 * throws when postferry ever gave it an answer that it could not use.
 */
export async function startNew(settings: NewSettings): Promise<Dovecot> {
  const dovecot = await startShipped(settings)
  return {
    ...dovecot,
    async [Symbol.asyncDispose]() {
      const log = dovecot.log()
      await dovecot[Symbol.asyncDispose]()
      if (!settings.isScripted && MISUNDERSTOOD.test(log)) throw new Error('Dovecot did not understand postferry')
    },
  }
}

function startShipped(settings: NewSettings): Promise<Dovecot> {
  return startDovecot({
    name: 'new',
    debian: settings.debian ?? OWN,
    ...(settings.tls && { tls: settings.tls }),
    ...(settings.address && { address: settings.address }),
    ...(settings.homeRoot && { mailRoot: settings.homeRoot }),
    configuration: async (place) => {
      await (settings.passdb === 'checkpassword' ? installCheckpassword(place, settings) : installLua(place, settings))
      return `!include ${place.folder}/postferry.conf\n${settings.configuration ?? ''}`
    },
  })
}

type LuaSettings = NewSettings & { passdb: 'lua' | 'lua-unix' }

async function installLua(place: Place, settings: LuaSettings): Promise<void> {
  await cp(join(SHIPPED, 'postferry.lua'), join(place.folder, 'postferry.lua'))
  if (settings.passdb === 'lua') {
    const file = tokenFile(place)
    await writeFile(file, `${settings.token}\n`, { mode: 0o600 })
    await chown(file, place.users.auth.uid, place.users.auth.gid)
  }
  const group = settings.passdb === 'lua-unix' && { '#extra_groups = postferry': extraGroup(place) }
  const lua = { '/etc/dovecot/postferry.lua': join(place.folder, 'postferry.lua') }
  const trusted = { '/etc/ssl/certs/ca-certificates.crt': (await certificates()).server.ca }
  const told = toldToLua(place, settings).map(
    ([name, value]) => `${name}${place.debian.dovecot === '2.3' ? '=' : ' = '}${value}`,
  )
  const proxy = settings.proxy && (await installProxy(place, settings.proxy, trusted))
  if (place.debian.dovecot === '2.3') {
    const url = 'POSTFERRY_URL=http://127.0.0.1:8025 POSTFERRY_AUTH_TOKEN_FILE=/etc/dovecot/postferry.token'
    await installed('postferry-lua.conf.ext', place, { ...group, ...lua, ...trusted, [url]: told.join(' ') })
    await installed('postferry.conf', place, { ...proxy, ...mailOwner(place) })
  } else {
    const url = 'POSTFERRY_URL = http://127.0.0.1:8025\n  POSTFERRY_AUTH_TOKEN_FILE = /etc/dovecot/postferry.token'
    await installed('postferry-lua.conf.ext', place, { ...lua, [url]: told.join('\n  ') })
    const user = { 'user = dovecot': `user = ${place.users.auth.name}` }
    await installed('postferry.conf', place, { ...proxy, ...user, ...group, ...trusted, ...mailOwner(place) })
  }
}

async function installProxy(place: Place, { port, key }: { port: number; key: string }, trusted: object) {
  const keyFile = join(place.folder, 'postferry-doveadm-key.conf.ext')
  await writeFile(keyFile, `doveadm_api_key = ${key}\n`, { mode: 0o600 })
  await installed('postferry-proxy.conf.ext', place, {
    ...(place.debian.dovecot === '2.3' && trusted),
    ...{ '/etc/dovecot/postferry-doveadm-key.conf.ext': keyFile, 'port = 8026': `port = ${port}` },
  })
  return { '#!include postferry-proxy.conf.ext': '!include postferry-proxy.conf.ext' }
}

function mailOwner({ users: { mail } }: Place): Record<string, string> {
  return { 'mail_uid = vmail': `mail_uid = ${mail.uid}`, 'mail_gid = vmail': `mail_gid = ${mail.gid}` }
}

function toldToLua(place: Place, settings: LuaSettings): [name: string, value: string | number][] {
  const { clientLimitSeconds } = settings
  return [
    ...(settings.passdb === 'lua-unix'
      ? [['POSTFERRY_SOCKET', settings.socket] as [string, string]]
      : ([
          ['POSTFERRY_URL', settings.url],
          ['POSTFERRY_AUTH_TOKEN_FILE', tokenFile(place)],
        ] as [string, string][])),
    ...(clientLimitSeconds ? [['POSTFERRY_CLIENT_LIMIT_SECONDS', clientLimitSeconds] as [string, number]] : []),
  ]
}

function tokenFile({ folder }: Place): string {
  return join(folder, 'postferry.token')
}

async function installCheckpassword(place: Place, settings: NewSettings & { passdb: 'checkpassword' }): Promise<void> {
  const program = await reachableProgram(place)
  await installed('postferry.conf', place, {
    ...mailOwner(place),
    '!include postferry-lua.conf.ext\n#!include': '!include',
  })
  await installed('postferry-checkpassword.conf.ext', place, {
    '/run/postferry/postferry.sock': settings.socket,
    '/opt/postferry/': program,
    'extra_groups = postferry': extraGroup(place),
    'uid=vmail gid=vmail': `uid=${place.users.mail.uid} gid=${place.users.mail.gid}`,
  })
}

/** Who is no root keeps the groups that they have. */
function extraGroup({ users }: Place): string {
  if (users.mail.uid === users.auth.uid) return ''
  return `extra_groups = ${execFileSync('id', ['-gn', users.mail.name], { encoding: 'utf8' }).trim()}`
}

/** The parts of the checkout that checkpassword is, where Dovecot's own users can run them. */
async function reachableProgram({ folder }: Place): Promise<string> {
  const program = join(folder, 'program')
  const node = `node_modules/node-linux-${process.arch}/bin/node`
  for (const part of ['bin/checkpassword', 'dist/checkpassword.cjs', node]) {
    await cp(join(CHECKOUT, part), join(program, part))
  }
  return `${program}/`
}

/** Copies a shipped file, with places replaced. @throws when the shipped file does not name such a place any more */
async function installed(name: string, { folder, debian }: Place, places: Record<string, string>): Promise<void> {
  let text = await readFile(join(SHIPPED, debian.dovecot, name), 'utf8')
  for (const [shipped, here] of Object.entries(places)) {
    if (!text.includes(shipped)) throw new Error(`${name} does not contain ${shipped}`)
    text = text.replaceAll(shipped, () => here)
  }
  await writeFile(join(folder, name), text)
}

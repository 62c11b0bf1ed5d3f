import { createHash } from 'node:crypto'
import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { CopyOrder } from '../../model/migration.ts'
import { runProcess } from '../process.ts'
import { DoveadmError, type Ended } from './doveadm.ts'
import { ownerOf, PLACE, RootsMail, SOCKET } from './place.ts'
import { SettingsUnread, sieveSettings } from './sieve-settings.ts'
import { serveUserdb, USER } from './userdb.ts'
import { installed } from './version.ts'

/** Dovecot here has no Sieve, or does not run it. */
export class NoPigeonhole extends Error {}

/** Pigeonhole does not take a script: its own words. */
export class SieveRefusal extends Error {}

/** The scripts that a person has here. */
export interface Scripts {
  /** Digests by name. */
  readonly scripts: ReadonlyMap<string, string>
  readonly active: string | null
}

/** A person's Sieve scripts on the destination, by Dovecot's own tools. All of it @throws DoveadmError */
export interface Sieve extends AsyncDisposable {
  list(): Promise<Scripts>
  /** In the place of what is there by this name. @throws SieveRefusal */
  put(name: string, script: Buffer): Promise<void>
  /** Null: none is the active one any more. */
  activate(name: string | null): Promise<void>
}

/** The same for scripts whose lines alone are ended otherwise: doveadm writes them in its own way. */
export function textDigest(script: Buffer): string {
  return createHash('sha256').update(script.toString('latin1').replace(/\r\n/g, '\n').trimEnd()).digest('hex')
}

/**
 * Its mail is nowhere: nothing of the mailbox is made or opened, which may be about to be put in its place.
 * @throws NoPigeonhole, SettingsUnread
 */
export async function openSieve(
  { id, home, address }: CopyOrder,
  dovecotConf: string | null,
  signal: AbortSignal,
): Promise<Sieve> {
  const settings = await settingsHere(dovecotConf)
  const owner = ownerOf(home)
  if (owner.uid === 0) throw new RootsMail(`${home} belongs to root, and Dovecot serves no mail of root's`)
  await using opened = new AsyncDisposableStack()
  const folder = mkdtempSync(join(tmpdir(), PLACE))
  opened.defer(() => rmSync(folder, { recursive: true, force: true }))
  const mail = join(folder, 'mail')
  mkdirSync(mail)
  const configuration = join(folder, 'dovecot.conf')
  writeFileSync(configuration, settings({ folder, mail }), { mode: 0o600 })
  const user = `m-${id}`
  const fields = { ...owner, home, ...(address !== undefined && { [USER]: address }) }
  opened.use(await serveUserdb(join(folder, SOCKET), new Map([[user, fields]])))
  const isRoot = process.geteuid?.() === 0
  if (isRoot) {
    for (const path of [mail, configuration, join(folder, SOCKET)]) chownSync(path, owner.uid, owner.gid)
    chmodSync(folder, 0o711)
  }
  const run = { configuration, user, owner: isRoot ? owner : null, signal }
  const held = opened.move()
  return {
    list: () => list(run),
    async put(name, script) {
      // Nothing else may be an argument, or a line of doveadm's.
      if (/\p{Cc}/u.test(name)) throw new SieveRefusal('its name has control characters')
      const { end } = await doveadmSieve(run, ['put', '--', name], script)
      if (end.exitCode === EX_DATAERR) throw new SieveRefusal(wordsOf(end))
      refuseFailed('put', end)
    },
    async activate(name) {
      const { end } = await doveadmSieve(run, name === null ? ['deactivate'] : ['activate', '--', name])
      refuseFailed('activate', end)
    },
    [Symbol.asyncDispose]: () => held[Symbol.asyncDispose](),
  }
}

/** Whether nobody's scripts can be put here, and why; null: they can. */
export async function whyNoSieve(dovecotConf: string | null): Promise<string | null> {
  const folder = mkdtempSync(join(tmpdir(), PLACE))
  try {
    const configuration = join(folder, 'dovecot.conf')
    writeFileSync(configuration, (await settingsHere(dovecotConf))({ folder, mail: folder }), { mode: 0o600 })
    const said: string[] = []
    await runProcess({
      ...{ program: 'doveadm', args: ['-c', configuration, 'sieve'], signal: AbortSignal.timeout(LOOK_LIMIT_MS) },
      ...{ isUrgent: () => true, onLine: (line: string) => void said.push(line) },
    })
    // All commands that there are, or those of Sieve.
    return said.some((line) => /\bsieve <command>/.test(line)) ? null : NOT_INSTALLED
  } catch (error) {
    if (error instanceof NoPigeonhole || error instanceof SettingsUnread) return error.message
    throw error
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

const LOOK_LIMIT_MS = 15_000
const NOT_INSTALLED = 'Dovecot here has no Sieve: apt-get install --yes dovecot-sieve'

/** @throws NoPigeonhole, SettingsUnread */
async function settingsHere(dovecotConf: string | null) {
  const { kind = null } = (await installed()) ?? {}
  if (kind === null) throw new NoPigeonhole('no doveadm that is known here: apt-get install --yes dovecot-core')
  const settings = await sieveSettings(dovecotConf, kind)
  if (settings === null) throw new NoPigeonhole('Dovecot here runs no filters: mail_plugins of its LMTP lacks sieve')
  return settings
}

const EX_USAGE = 64
const EX_DATAERR = 65
const ACTIVE = ' ACTIVE'

interface Run {
  readonly configuration: string
  readonly user: string
  readonly owner: { readonly uid: number; readonly gid: number } | null
  readonly signal: AbortSignal
}

async function list(run: Run): Promise<Scripts> {
  const { end, output } = await doveadmSieve(run, ['list'])
  if (end.exitCode === EX_USAGE) throw new NoPigeonhole(NOT_INSTALLED)
  refuseFailed('list', end)
  let active: string | null = null
  const scripts = new Map<string, string>()
  for (const line of output.toString('utf8').split('\n').filter(Boolean)) {
    const isActive = line.endsWith(ACTIVE)
    const name = isActive ? line.slice(0, -ACTIVE.length) : line.replace(/ $/, '')
    if (isActive) active = name
    const { end, output: script } = await doveadmSieve(run, ['get', '--', name])
    refuseFailed('get', end)
    scripts.set(name, textDigest(withoutTitle(script)))
  }
  return { scripts, active }
}

/** doveadm calls it what it is, in a line of its own. */
function withoutTitle(script: Buffer): Buffer {
  const title = Buffer.from('sieve script:\n')
  return script.subarray(0, title.length).equals(title) ? script.subarray(title.length) : script
}

async function doveadmSieve(run: Run, [command = '', ...args]: readonly string[], script?: Buffer) {
  const said: string[] = []
  const pieces: Buffer[] = []
  const end = await runProcess({
    program: 'setpriv',
    args: [
      ...['--pdeathsig', 'KILL', 'doveadm', '-c', run.configuration],
      ...['sieve', command, '-u', run.user, ...args],
    ],
    ...{ owner: run.owner, signal: run.signal, isUrgent: () => true, onLine: () => undefined },
    ...(script !== undefined && { onInput: (input) => void input.on('error', () => undefined).end(script) }),
    onOutput: (piece) => void pieces.push(piece),
    onErrorLine: (line) => void said.push(line),
  })
  return { end: { ...end, said }, output: Buffer.concat(pieces) }
}

function refuseFailed(command: string, end: Ended): void {
  if (end.exitCode !== 0) throw new DoveadmError(`sieve ${command}`, end)
}

/** The first that Pigeonhole finds wrong. */
function wordsOf({ said }: Ended): string {
  const [line = 'Dovecot here does not take it'] = said
  return line.replace(/^doveadm\(.*?\): (Error: )?(sieve: )?/, '').slice(0, 200)
}

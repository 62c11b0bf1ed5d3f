import { execFileSync, spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline/promises'
import { type Command, InvalidArgumentError, Option } from 'commander'
import { type Access, replaceFile } from '../../files/atomic.ts'
import { loadSettings, type Settings, withoutSecrets } from '../../settings.ts'
import type { CliDeps } from '../deps.ts'
import {
  DOVEADM_KEY,
  type DovecotVersion,
  type Piece,
  type Postfix,
  pieces,
  SHIPPED_OWNER,
  settingsOfOthers,
  textOf,
} from '../setup/pieces.ts'
import { examples } from '../terminal/arguments.ts'
import { EXIT, Failure } from '../terminal/exit.ts'
import { print } from '../terminal/output.ts'

interface Options {
  into?: string
  dovecot?: DovecotVersion
  mailOwner?: string
  home?: string
  postfix: boolean
  proxied: boolean
  replacePostfix?: boolean
  yes?: boolean
}

const VERSIONS = ['2.3', '2.4'] as const
const MAIN_CF = '/etc/postfix/main.cf'
const MASTER_CF = '/etc/postfix/master.cf'
/** A socket of before, where nobody listens any more, would cost whoever signs in first 5 s. */
const RESTART_DOVECOT = 'doveconf -n >/dev/null && rm -f /run/dovecot/anvil-auth-penalty && systemctl restart dovecot'
/** Belongs to who owns the mail. */
const SYNC_STATE = '/var/lib/postferry-sync'

export function addSetupCommand(postferry: Command, deps: CliDeps): void {
  const setup = postferry
    .command('setup')
    .description(
      'write settings and the files of the Dovecot and the Postfix that are here; shows what changes, and asks',
    )
    .option('--into <folder>', 'write below this folder, which stands for /, and leave /etc as it is')
    .addOption(new Option('--dovecot <version>', 'for this Dovecot (default: the one here)').choices(VERSIONS))
    .option(
      '--mail-owner <user>',
      'who owns the mail on the new server (default: who copies it here, or vmail)',
      userName,
    )
    .option('--home <template>', 'POSTFERRY_HOME: the home of an account, with %d, %n or %u (default: as it is)', home)
    .option('--no-postfix', 'leave Postfix as it is')
    .option(
      '--no-proxied',
      'do not let people work on the old server, through this one, until all of their mail is here',
    )
    .option('--replace-postfix', 'comment out what main.cf sets by now and postferry sets, too')
    .option('--yes', 'ask nothing')
  examples(setup, 'postferry setup', 'postferry setup --into /tmp/look --yes', 'postferry setup --home /srv/mail/%d/%n')
  setup.action(async (options: Options) => {
    // What is wrong with the settings now is told before anything is changed.
    const settings = deps.settings()
    const asks = options.yes !== true && process.stdin.isTTY
    const owner = ownerHere()
    const mailOwner = options.mailOwner ?? (asks ? userName(await ask('Who owns the mail?', owner)) : owner)
    const dovecot = options.dovecot ?? foundDovecot()
    const { into = '', home } = options
    if (mailOwner !== owner) refuseStranger(mailOwner, into)
    const postfix = options.postfix ? foundPostfix(into) : null
    if (options.replacePostfix !== true) refuseToReplace(postfix)
    const secrets = options.into === undefined ? secretsInForce(settings) : null
    const wanted = { into, dovecot, mailOwner, home, postfix, isProxied: options.proxied, secrets }
    const changed = pieces(wanted).filter(({ path, text }) => textOf(path) !== text)
    if (changed.length === 0) return await print('nothing to do\n')
    for (const piece of changed) await print(difference(piece))
    if (asks && !/^y(es)?$/i.test(await ask(`Write these ${changed.length} files?`, 'no'))) return
    if (!asks && options.yes !== true) throw new Failure(EXIT.usage, 'nothing was written: --yes writes it')
    for (const piece of changed) write(piece)
    await print(next(changed, mailOwner === owner ? null : mailOwner, options.into))
  })
}

function ownerHere(): string {
  const uid = statSync(SYNC_STATE, { throwIfNoEntry: false })?.uid
  const users = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .map((line) => line.split(':'))
  return users.find(([, , id]) => id === String(uid))?.[0] ?? SHIPPED_OWNER
}

/** @throws Failure when there is none, or one that the files are not for */
function foundDovecot(): DovecotVersion {
  let said: string
  try {
    said = execFileSync('dovecot', ['--version'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim()
  } catch {
    const remedy = 'apt-get install dovecot-imapd dovecot-auth-lua lua-cjson, or --dovecot 2.4'
    throw new Failure(EXIT.unavailable, `there is no Dovecot here that tells its version: ${remedy}`)
  }
  const found = VERSIONS.find((version) => said.startsWith(`${version}.`))
  if (found !== undefined) return found
  throw new Failure(EXIT.unavailable, `Dovecot is ${said || 'of no version'} here: setup has files for 2.3 and 2.4`)
}

/** For a folder without its files, the one of this host. Null: there is none. */
function foundPostfix(into: string): Postfix | null {
  const [mainCf, masterCf] = [MAIN_CF, MASTER_CF].map((path) => textOf(join(into, path)) ?? textOf(path))
  return mainCf == null ? null : { mainCf, masterCf: masterCf ?? null }
}

/** Without them a Postfix that serves other domains would refuse their mail. */
function refuseToReplace(postfix: Postfix | null): void {
  const names = postfix === null ? [] : settingsOfOthers(postfix.mainCf)
  if (names.length === 0) return
  const ways =
    '--replace-postfix comments that out; --no-postfix leaves Postfix to you, and deploy/postfix has the lines'
  throw new Failure(EXIT.data, `main.cf sets ${names.join(', ')} itself, and nothing was written: ${ways}`)
}

function secretsInForce(settings: Settings) {
  const kept = [settings.doveadm.keyFile, DOVEADM_KEY].map((file) => textOf(file)?.trim()).find(Boolean)
  return { token: tokenInForce(settings), doveadmKey: kept || randomBytes(32).toString('hex') }
}

function tokenInForce({ authToken, dataDir }: Settings): string {
  const file = join(dataDir, 'auth-token')
  if (authToken !== null) return authToken
  if (existsSync(file)) return readFileSync(file, 'utf8').trim()
  throw new Failure(EXIT.unavailable, `there is no token for Dovecot yet (${file}): "postferry serve" makes it`)
}

function difference({ path, text, isSecret }: Piece): string {
  if (isSecret) return `--- ${path}: a secret, not shown\n`
  const before = existsSync(path) ? path : '/dev/null'
  const { stdout } = spawnSync('diff', ['-u', '--label', before, '--label', path, before, '-'], {
    input: text,
    encoding: 'utf8',
  })
  return withoutSecrets(stdout)
}

function write({ path, text, access }: Piece): void {
  try {
    mkdirSync(dirname(path), { recursive: true })
    replaceFile(path, text, accessTo(path) ?? access)
  } catch (error) {
    throw new Failure(EXIT.cannotCreate, `cannot write ${path} (${(error as NodeJS.ErrnoException).code})`)
  }
}

/** Who may read and write what is there, may so afterwards. */
function accessTo(path: string): Access | null {
  const before = statSync(path, { throwIfNoEntry: false })
  return before === undefined ? null : { mode: before.mode & 0o777, uid: before.uid, gid: before.gid }
}

/** @param newOwner who owns the mail, where it is not who copied until now */
function next(changed: readonly Piece[], newOwner: string | null, into: string | undefined): string {
  if (into !== undefined) return `${changed.length} files are written below ${into}\n`
  const isWritten = (folder: string) => changed.some(({ path }) => path.startsWith(folder))
  const lines = [
    ...(newOwner === null ? [] : [`adduser ${newOwner} postferry`, `chown -R ${newOwner}: ${SYNC_STATE}`]),
    ...(newOwner === null || !existsSync(DOVEADM_KEY) ? [] : [`chgrp "$(id -gn ${newOwner})" ${DOVEADM_KEY}`]),
    ...(isWritten('/etc/tmpfiles.d/') ? ['systemd-tmpfiles --create postferry-postfix.conf'] : []),
    ...(isWritten('/etc/systemd/') ? ['systemctl daemon-reload'] : []),
    ...(isWritten('/etc/dovecot/') ? [RESTART_DOVECOT] : []),
    // After Dovecot: "sync" tells at its start whether it can end sessions there.
    ...(isWritten('/etc/postferry/') || isWritten('/etc/systemd/')
      ? ['systemctl restart postferry-postgresql postferry postferry-sync']
      : []),
    ...(isWritten('/etc/postfix/')
      ? ['systemctl enable --now postferry-postfix-sasl', 'postfix check && systemctl reload-or-restart postfix']
      : []),
  ]
  return `${changed.length} files are written; next:\n${lines.map((line) => `  ${line}\n`).join('')}`
}

async function ask(question: string, unlessSaid: string): Promise<string> {
  const terminal = createInterface({ input: process.stdin, output: process.stdout })
  try {
    return (await terminal.question(`${question} [${unlessSaid}] `)).trim() || unlessSaid
  } finally {
    terminal.close()
  }
}

/** In a folder that stands for /, the users of that one count, too. */
function refuseStranger(name: string, into: string): void {
  const users = textOf(join(into, '/etc/passwd'))?.split('\n') ?? []
  // Whom a directory service knows does not stand in the file.
  if (
    users.some((line) => line.startsWith(`${name}:`)) ||
    spawnSync('id', ['-u', '--', name], { stdio: 'ignore' }).status === 0
  )
    return
  throw new Failure(EXIT.usage, `there is no user ${name} on this host: make it first, or correct --mail-owner`)
}

function userName(text: string): string {
  if (/^[a-z_][a-z0-9_.-]*$/.test(text)) return text
  throw new InvalidArgumentError('It must be the name of a user of this host.')
}

function home(text: string): string {
  try {
    return loadSettings({ POSTFERRY_HOME: text }).home && text
  } catch (error) {
    throw new InvalidArgumentError((error as Error).message)
  }
}

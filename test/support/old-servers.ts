import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Certificate } from './certificates.ts'
import { named } from './dovecot-users.ts'
import { freePort, greetingFrom } from './loopback.ts'
import type { Delivery } from './mail-servers.ts'

// Old servers that are not Dovecot, as Debian 12 has them (old-servers-root.sh).

/** A real old IMAP server, on loopback and in the clear. */
export interface OldServer extends Started {
  readonly delivery: Delivery
}

interface Started extends AsyncDisposable {
  readonly port: number
  readonly pop3Port: number
  log(): string
}

type People = Readonly<Record<string, string>>

/**
 * All of a server ends with the process that has started it, and sees nothing of this machine's /run, /etc and /usr. The
 * shell stays: a process that gives root away would outlive its parent.
 */
const APART = `
mount --bind "$0/usr" /usr
mount --bind "$0/etc" /etc
[ ! -d "$1/etc" ] || mount --bind "$1/etc" "$2"
mount -t tmpfs none /run
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
sh -eu "$1/start" "$1" &
wait`

/** What stands before a program of theirs and its arguments. */
export function withinOldServers(): readonly string[] {
  return ['sh', join(import.meta.dirname, 'within.sh'), oldServersRoot()]
}

function oldServersRoot(): string {
  const root = execFileSync('sh', [SCRIPT, 'where'], { encoding: 'utf8' }).trim()
  if (!existsSync(root)) throw new Error('old servers are missing: sh test/support/old-servers-root.sh')
  return root
}

const SCRIPT = join(import.meta.dirname, 'old-servers-root.sh')

export interface CourierSettings {
  /** How many connections one address may have at once. */
  readonly perAddress?: number
}

/** Courier: folders are below `INBOX.`, levels are separated by dots. It knows no LITERAL+ and no CONDSTORE. */
export async function startCourier(people: People, { perAddress = 100 }: CourierSettings = {}): Promise<OldServer> {
  const root = oldServersRoot()
  const { uid, gid } = await named('nobody', root)
  const folder = newFolder('courier')
  mkdirSync(join(folder, 'etc'), { mode: 0o700 })
  const lines = Object.entries(people).map(([user, password], at) => {
    const home = join(folder, 'mail', `${at}`)
    const hash = createHash('sha256').update(password).digest('base64')
    return `${user}\tuid=${uid}|gid=${gid}|home=${home}|mail=${home}/Maildir|imappw={SHA256}${hash}|pop3pw={SHA256}${hash}\n`
  })
  writeFileSync(join(folder, 'etc/userdb'), lines.join(''), { mode: 0o600 })
  writeFileSync(join(folder, 'etc/authdaemonrc'), 'authmodulelist=authuserdb\n')
  for (const name of ['imapd', 'pop3d']) {
    writeFileSync(join(folder, name), readFileSync(join(root, 'etc/courier', name)))
  }
  const ports = { port: await freePort(), pop3Port: await freePort() }
  const all = Object.keys(people)
  const maildir = (person: string) => `${all.indexOf(person)}/Maildir/`
  const server = await started(
    folder,
    ports,
    '/etc/courier',
    `
for at in $(seq 0 ${lines.length - 1}); do
  mkdir -p "$1/mail/$at"
  [ -d "$1/mail/$at/Maildir" ] || maildirmake "$1/mail/$at/Maildir"
done
chown -R ${uid}:${gid} "$1/mail"
mkdir -p /run/courier/authdaemon
makeuserdb
cd /
authmodulelist=authuserdb daemons=2 authdaemonvar=/run/courier/authdaemon /usr/lib/courier/courier-authlib/authdaemond &
set -a
(
  . "$1/pop3d"
  exec couriertcpd -address=127.0.0.1 -maxprocs=100 -maxperip=100 -nodnslookup -noidentlookup ${ports.pop3Port} \\
    /usr/lib/courier/courier/courierpop3login /usr/lib/courier/courier/courierpop3d Maildir
) &
. "$1/imapd"
IMAP_EMPTYTRASH=
exec couriertcpd -address=127.0.0.1 -maxprocs=100 -maxperip=${perAddress} -nodnslookup -noidentlookup ${ports.port} \\
  /usr/lib/courier/courier/imaplogin /usr/bin/imapd Maildir
`,
  )
  return { ...server, delivery: { base: join(folder, 'mail'), owner: { uid, gid }, maildir } }
}

export interface CyrusSettings {
  /** `.`: folders are below `INBOX.`; `/`: beside it. */
  readonly separator?: '.' | '/'
  /** Who signs in for the first time has no mailbox at all; otherwise they get an INBOX. */
  readonly withoutInbox?: boolean
  /** Offers STARTTLS with it; otherwise everything is in the clear. */
  readonly tls?: Certificate
}

/** The administrator of a Cyrus, who may sign in for everybody (SASL PLAIN, RFC 4616). */
export const CYRUS_ADMIN = ['cyrus', 'secret of the admin'] as const

export interface Cyrus extends OldServer {
  /** Of its ManageSieve. */
  readonly sievePort: number
}

/** Cyrus, which speaks of folders as its settings say. */
export async function startCyrus(people: People, settings: CyrusSettings = {}): Promise<Cyrus> {
  const { separator = '.', withoutInbox = false, tls } = settings
  const folder = newFolder('cyrus')
  const ports = { port: await freePort(), pop3Port: await freePort() }
  const sievePort = await freePort()
  const lmtp = join(folder, 'lmtp')
  const isUnix = separator === '/'
  writeFileSync(
    join(folder, 'imapd.conf'),
    `configdirectory: ${folder}/lib
proc_path: ${folder}/proc
mboxname_lockpath: ${folder}/lock
idlesocket: ${folder}/idle
defaultpartition: default
partition-default: ${folder}/spool
altnamespace: ${isUnix ? 'yes' : 'no'}
unixhierarchysep: ${isUnix ? 'yes' : 'no'}
virtdomains: userid
allowplaintext: yes
admins: ${CYRUS_ADMIN[0]}
proxyservers: ${CYRUS_ADMIN[0]}
sasl_pwcheck_method: auxprop
sasl_auxprop_plugin: sasldb
sasl_sasldb_path: ${folder}/sasldb2
sasl_mech_list: PLAIN
autocreate_quota: ${withoutInbox ? -1 : 0}
sievedir: ${folder}/sieve
${tls === undefined ? '' : `tls_server_cert: ${folder}/tls.pem\ntls_server_key: ${folder}/tls.key`}
syslog_prefix: cyrus
`,
  )
  writeFileSync(
    join(folder, 'cyrus.conf'),
    `START {
  recover cmd="/usr/lib/cyrus/bin/ctl_cyrusdb -C ${folder}/imapd.conf -r"
}
SERVICES {
  imap cmd="/usr/lib/cyrus/bin/imapd -C ${folder}/imapd.conf" listen="127.0.0.1:${ports.port}" prefork=0 maxchild=100
  pop3 cmd="/usr/lib/cyrus/bin/pop3d -C ${folder}/imapd.conf" listen="127.0.0.1:${ports.pop3Port}" prefork=0 maxchild=100
  sieve cmd="/usr/lib/cyrus/bin/timsieved -C ${folder}/imapd.conf" listen="127.0.0.1:${sievePort}" prefork=0 maxchild=100
  lmtp cmd="/usr/lib/cyrus/bin/lmtpd -C ${folder}/imapd.conf" listen="${lmtp}" prefork=0 maxchild=100
}
EVENTS {
}
`,
  )
  if (tls !== undefined) {
    copyFileSync(tls.cert, join(folder, 'tls.pem'))
    copyFileSync(tls.key, join(folder, 'tls.key'))
  }
  const all = [...Object.entries(people), CYRUS_ADMIN]
  const lines = all.map(([user, password]) => `${user}\t${password}\n`)
  writeFileSync(join(folder, 'people'), lines.join(''), { mode: 0o600 })
  const server = await started(
    folder,
    ports,
    '',
    `
if [ ! -e "$1/sasldb2" ]; then
  while IFS='\t' read -r user password; do
    case $user in *@*) realm=\${user#*@} ;; *) realm=$(hostname) ;; esac
    printf %s "$password" | saslpasswd2 -p -c -f "$1/sasldb2" -u "$realm" "\${user%@*}"
  done <"$1/people"
  mkdir "$1/lib" "$1/proc" "$1/lock" "$1/spool" "$1/sieve"
  chown -R cyrus:mail "$1"
fi
cd /
exec /usr/lib/cyrus/bin/master -C "$1/imapd.conf" -M "$1/cyrus.conf" -p "$1/master.pid" -D
`,
  )
  return { ...server, delivery: { lmtp }, sievePort }
}

function newFolder(name: string): string {
  if (process.getuid?.() !== 0) throw new Error('old servers start as root only: run this test as root')
  const folder = mkdtempSync(join(tmpdir(), `postferry-${name}-`))
  chmodSync(folder, 0o755)
  return folder
}

async function started(
  folder: string,
  { port, pop3Port }: Pick<Started, 'port' | 'pop3Port'>,
  etc: string,
  start: string,
): Promise<Started> {
  writeFileSync(join(folder, 'start'), start)
  const apart = ['unshare', '--mount', '--pid', '--fork', '--kill-child', 'sh', '-euc', APART]
  const args = ['--pdeathsig', 'KILL', ...apart, oldServersRoot(), folder, etc]
  const output: string[] = []
  const child = spawn('setpriv', args, { stdio: ['ignore', 'pipe', 'pipe'] })
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => output.push(`${chunk}`))
  const log = () => output.join('')
  while (child.exitCode === null && (await greetingFrom(port, /^\* OK /)) === undefined) {}
  if (child.exitCode !== null) throw new Error(`the old server did not start: ${log()}`)
  return {
    ...{ port, pop3Port },
    log,
    async [Symbol.asyncDispose]() {
      await killed(child)
      rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 })
    },
  }
}

async function killed(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exit = once(child, 'exit')
  child.kill('SIGKILL')
  await exit
}

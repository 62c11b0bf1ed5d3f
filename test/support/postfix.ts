import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { type Debian, OWN } from './debian.ts'
import { freePort, greetingFrom } from './loopback.ts'
import { HANG_MS } from './until.ts'

/** A running Postfix. */
export interface Postfix extends AsyncDisposable {
  readonly port: number
  /** The file that fail2ban reads. */
  readonly logFile: string
  log(): string
  /** How many messages wait in its queue. */
  queued(): number
  /** Tries everything in the queue at once. */
  flush(): void
}

export interface PostfixSettings {
  /** What it calls itself; `new.example` by default. */
  readonly hostname?: string
  /** A free one by default. */
  readonly port?: number
  /** Dovecot's socket for it; missing: nobody signs in there. */
  readonly saslPath?: string
  /** More lines of its main.cf. */
  readonly mainCf?: string
  /** Whose Postfix it is; the machine's own by default. */
  readonly debian?: Debian
}

/** Starts a Postfix out of a folder of its own. Its master runs as root only. */
export async function startPostfix(settings: PostfixSettings): Promise<Postfix> {
  const { saslPath, mainCf: more = '', debian = OWN, hostname = 'new.example', port = await freePort() } = settings
  if (process.getuid?.() !== 0) throw new Error('Postfix starts as root only: run this test as root')
  const folder = mkdtempSync(join(tmpdir(), 'postferry-postfix-'))
  chmodSync(folder, 0o755)
  for (const place of ['queue', 'data']) mkdirSync(join(folder, place))
  const inDebian = (...command: string[]) => [...debian.enter, ...command] as [string, ...string[]]
  const run = (...command: string[]) => {
    const [program, ...args] = inDebian(...command)
    return execFileSync(program, args, { encoding: 'utf8' })
  }
  run('chown', 'postfix:', join(folder, 'data'))
  const logFile = join(folder, 'mail.log')
  writeFileSync(join(folder, 'main.cf'), mainCf(folder, hostname, saslPath) + more)
  writeFileSync(join(folder, 'master.cf'), masterCf(port))
  // Makes the folders of its queue.
  run('/usr/sbin/postfix', '-c', folder, 'check')
  const [program, ...args] = inDebian('/usr/lib/postfix/sbin/master', '-c', folder, '-d')
  const master = spawn(program, args, { stdio: 'ignore' })
  const leash = () => master.kill()
  // A test that fails leaves none behind.
  process.once('exit', leash)
  await greeted(port, logFile)
  return {
    port,
    logFile,
    log: () => readFileSync(logFile, 'utf8'),
    queued: () => run('/usr/sbin/postqueue', '-c', folder, '-j').split('\n').length - 1,
    flush: () => void run('/usr/sbin/postqueue', '-c', folder, '-f'),
    async [Symbol.asyncDispose]() {
      process.off('exit', leash)
      const ended = once(master, 'exit')
      master.kill()
      await ended
      rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 })
    },
  }
}

function mainCf(folder: string, hostname: string, saslPath: string | undefined): string {
  return `
compatibility_level = 3.6
queue_directory = ${folder}/queue
data_directory = ${folder}/data
multi_instance_enable = no
maillog_file = ${folder}/mail.log
maillog_file_prefixes = ${folder}
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = ${hostname}
mydestination =
local_recipient_maps =
alias_maps =
${saslPath === undefined ? '' : `smtpd_sasl_auth_enable = yes\nsmtpd_sasl_type = dovecot\nsmtpd_sasl_path = ${saslPath}`}
`
}

/** The services of Debian's own, none of them in a chroot. */
function masterCf(port: number): string {
  return `
127.0.0.1:${port} inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
showq unix n - n - - showq
error unix - - n - - error
discard unix - - n - - discard
retry unix - - n - - error
virtual unix - n n - - virtual
lmtp unix - - n - - lmtp
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
`
}

async function greeted(port: number, logFile: string): Promise<void> {
  const deadline = Date.now() + HANG_MS
  while ((await greetingFrom(port, /^220 .*\r\n/)) === undefined) {
    if (Date.now() > deadline) throw new Error(`Postfix did not start: ${readFileSync(logFile, 'utf8')}`)
    await pause(50)
  }
}

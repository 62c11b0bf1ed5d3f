import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import type { Debian } from './debian.ts'
import { greetingFrom } from './loopback.ts'
import { HANG_MS } from './until.ts'

/**
 * Dovecot hangs on a pipe to us: a line stops it; when we die without one, however hard,
 * it is stopped all the same and its folder is removed.
 */
const LEASH = `
exec 3<&0 </dev/null
folder=$1
shift
"$@" dovecot -F -c "$folder/dovecot.conf" 3<&- & server=$!
{ read -r line <&3 || touch "$folder/orphan"; kill "$server"; } 2>/dev/null & leash=$!
wait "$server"; status=$?
kill "$leash" 2>/dev/null
if [ -e "$folder/orphan" ]; then rm -rf "$folder" || { sleep 1; rm -rf "$folder"; }; fi
exit "$status"`

/** One Dovecot, from `dovecot.conf` in its folder; it may be started and stopped again. */
export class DovecotProcess {
  readonly #folder: string
  readonly #port: number
  readonly #debian: Debian
  readonly #address: string
  #child: ChildProcess | undefined

  constructor(folder: string, port: number, debian: Debian, address: string) {
    this.#folder = folder
    this.#port = port
    this.#debian = debian
    this.#address = address
  }

  log(): string {
    return readIfThere(join(this.#folder, 'dovecot.log'))
  }

  async start(): Promise<void> {
    if (this.#child) throw new Error('this Dovecot is running already')
    const console = await open(join(this.#folder, 'console.log'), 'a')
    const stdio = ['pipe', console.fd, console.fd] as const
    const env = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/sbin` }
    const command = ['-c', LEASH, 'sh', this.#folder, ...this.#debian.enter]
    const child = spawn('sh', command, { detached: true, env, stdio: [...stdio] })
    this.#child = child
    child.unref()
    child.once('exit', () => {
      if (this.#child === child) this.#child = undefined
    })
    await console.close()
    await this.#ready(child)
  }

  async #ready(child: ChildProcess): Promise<void> {
    const deadline = Date.now() + HANG_MS
    while (child.exitCode === null && Date.now() < deadline) {
      const greeting = await greetingFrom(this.#port, /\[CAPABILITY .*\r\n/, this.#address)
      if (greeting) return
      await pause(10)
    }
    const words = readIfThere(join(this.#folder, 'console.log')) + this.log()
    throw new Error(`Dovecot did not start:\n${words}`)
  }

  /** In order: Dovecot takes a second for it. */
  async stop(): Promise<void> {
    const child = this.#child
    if (!child) return
    child.ref()
    child.stdin?.end('stop\n')
    await once(child, 'exit', { signal: AbortSignal.timeout(HANG_MS) }).catch(() => this.kill())
  }

  /** At once, with all its processes. */
  async kill(): Promise<void> {
    const child = this.#child
    if (!child?.pid) return
    child.ref()
    const exited = once(child, 'exit')
    process.kill(-child.pid, 'SIGKILL')
    await exited
    // Whoever is still to die holds the ports, and Dovecot takes it for a master that runs.
    while (isThere(-child.pid)) await pause(5)
  }
}

function isThere(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

function readIfThere(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}

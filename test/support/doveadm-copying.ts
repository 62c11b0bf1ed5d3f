import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, chownSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import type { KeptFree } from '../../src/model/kept-free.ts'
import type { Provider } from '../../src/model/provider.ts'
import { startPlainNew } from './copying.ts'
import { type Debian, OWN } from './debian.ts'
import type { Dovecot, Place } from './dovecot.ts'
import type { ImapAccount } from './imap-wire.ts'
import { PROVIDER } from './provider.ts'
import { type Source, type SourceSettings, startSource } from './source-server.ts'
import { until } from './until.ts'

const ATTEMPT = join(import.meta.dirname, 'doveadm-attempt.ts')

/** What an attempt came to; `signal`: how its process ended before it could tell. */
export interface Told {
  readonly outcome?: string
  readonly folders?: number
  readonly messages?: number
  readonly output?: string
  readonly seen?: number
  /** How many programs it had left running when it had ended. */
  readonly running?: number
  /** What the ledger says. */
  readonly ledger?: string
  readonly signal?: NodeJS.Signals | null
  readonly stderr: string
}

type OldServer = { readonly port: number } & AsyncDisposable

/** The engine doveadm between an old server and a real Dovecot, without the service around it. doveadm is the Dovecot's. */
export class DoveadmCopying<Old extends OldServer = Source> implements AsyncDisposable {
  readonly old: Old
  readonly new: Dovecot
  readonly debian: Debian
  readonly stateFolder: string
  readonly #folder: string
  readonly #isOther: boolean

  private constructor(old: Old, now: Dovecot, debian: Debian, isOther: boolean) {
    this.#isOther = isOther
    this.old = old
    this.new = now
    this.debian = debian
    this.#folder = mkdtempSync(join(tmpdir(), 'postferry-doveadm-copying-'))
    chmodSync(this.#folder, 0o755)
    this.stateFolder = join(this.#folder, 'state')
    mkdirSync(this.stateFolder, { mode: 0o700 })
  }

  /** @param storage how the destination stores mail, as lines of its configuration; default: as deploy/dovecot */
  static async start(
    settings: SourceSettings,
    debian = OWN,
    storage?: (place: Place) => string,
  ): Promise<DoveadmCopying> {
    return await DoveadmCopying.from(startSource(settings), debian, storage)
  }

  static async from<Old extends OldServer>(
    started: Promise<Old>,
    debian = OWN,
    storage?: (place: Place) => string,
  ): Promise<DoveadmCopying<Old>> {
    const [old, now] = await Promise.all([started, startPlainNew(debian, storage)])
    return new DoveadmCopying(old, now, debian, storage !== undefined)
  }

  home(id: number): string {
    return join(this.new.mailRoot, `m-${id}`)
  }

  /** One attempt for a person of the source, who is called `m-<id>` on the destination. */
  async run(
    id: number,
    [username, password]: readonly [string, string],
    {
      provider = {},
      env = {},
      engine = 'doveadm',
      killedAt,
      isEngineKilled = false,
      home = this.home(id),
      keptFree = NOTHING_KEPT,
      isCompared = false,
      isMirrored = false,
      changed = null,
    }: Settings = {},
  ): Promise<Told> {
    const whole = { ...PROVIDER, host: 'localhost', port: this.old.port, engine, ...provider }
    const order = { id: String(id), address: `m-${id}`, home, provider: whole, isMirrored }
    const [program = '', ...args] = [...this.debian.enter, process.execPath, ATTEMPT]
    const child = spawn(program, args, { env: { PATH: `${process.env.PATH}:/usr/sbin`, ...env } })
    child.stdin.on('error', () => undefined)
    const { stateFolder } = this
    const dovecotConf = this.#isOther ? this.new.configurationFile : null
    const credential = { username, password }
    child.stdin.end(JSON.stringify({ order, credential, stateFolder, keptFree, dovecotConf, isCompared, changed }))
    if (killedAt !== undefined) {
      const kill = () => (isEngineKilled ? killChildren(child.pid ?? 0) : child.kill('SIGKILL'))
      until(async () => child.exitCode !== null || existsSync(killedAt), 'the moment to kill it').then(kill, kill)
    }
    const [[, signal], told, stderr] = await Promise.all([once(child, 'close'), text(child.stdout), text(child.stderr)])
    return { ...(told === '' ? { signal } : JSON.parse(told)), stderr }
  }

  /**
   * An environment in which a program is a shell script, for which `real` is the program itself, and which makes the
   * file `reached` at a moment of its choice.
   */
  inPlaceOf(program: string, script: string): { env: NodeJS.ProcessEnv; reached: string } {
    const folder = mkdtempSync(join(this.#folder, 'programs-'))
    chmodSync(folder, 0o755)
    const file = join(folder, program)
    const reached = join(folder, 'reached')
    const real = `real() { PATH="\${PATH#*:}" ${program} "$@"; }`
    writeFileSync(file, `#!/bin/sh\nreached=${reached}\n${real}\n${script}\n`, { mode: 0o755 })
    chownSync(folder, this.new.mailOwner.uid, this.new.mailOwner.gid)
    return { env: { PATH: `${folder}:${process.env.PATH}:/usr/sbin` }, reached }
  }

  atSource([user, password]: readonly [string, string]): ImapAccount {
    return { host: 'localhost', port: this.old.port, user, password }
  }

  onNew(id: number): ImapAccount {
    return { host: 'localhost', port: this.new.port, user: `m-${id}`, password: 'new' }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.old[Symbol.asyncDispose](), this.new[Symbol.asyncDispose]()])
    rmSync(this.#folder, { recursive: true, force: true })
  }
}

const NOTHING_KEPT: KeptFree = { percent: 0, bytes: 0 }

interface Settings {
  readonly home?: string
  readonly keptFree?: KeptFree
  /** A ledger is taken afterwards. */
  readonly isCompared?: boolean
  /** Nothing is copied but the mirror. */
  readonly isMirrored?: boolean
  /** The mailboxes that alone are said to have changed. */
  readonly changed?: readonly string[] | null
  readonly provider?: Partial<Provider>
  readonly env?: NodeJS.ProcessEnv
  readonly engine?: Provider['engine']
  /** Its process is killed when this file is there. */
  readonly killedAt?: string
  /** Instead of it, what it has started is. */
  readonly isEngineKilled?: boolean
}

function killChildren(pid: number): void {
  for (const child of childrenOf(pid)) {
    try {
      process.kill(child, 'SIGKILL')
    } catch {
      // It has ended already.
    }
  }
}

function childrenOf(pid: number): number[] {
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number)
  } catch {
    return []
  }
}

import { randomBytes } from 'node:crypto'
import { existsSync, writeFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { freePort } from '../support/loopback.ts'
import { until } from '../support/until.ts'
import { Program, type ProgramSettings } from './program.ts'
import { dim, say } from './show.ts'
import type { Stage } from './stage.ts'

const BIN = join(import.meta.dirname, '../../bin')
// The first start makes a database, on a busy machine too.
const START_LIMIT_MS = 60_000

/** postferry as an administrator has it after `npm ci`: the commands in bin/, with settings from the environment. */
export class Postferry {
  readonly url: string
  /** Below it are the homes on the destination. */
  readonly homes: string
  /** Of the destination's doveadm, which says who is connected, and cuts them off. */
  readonly doveadm: { readonly port: number; readonly key: string }
  readonly env: NodeJS.ProcessEnv
  readonly #stage: Stage
  readonly #dataDir: string

  static async prepare(stage: Stage): Promise<Postferry> {
    return new Postferry(stage, await freePort(), await freePort())
  }

  private constructor(stage: Stage, port: number, doveadmPort: number) {
    this.#stage = stage
    this.#dataDir = join(stage.folder, 'data')
    this.url = `http://127.0.0.1:${port}`
    this.homes = join(stage.folder, 'mail')
    this.doveadm = { port: doveadmPort, key: randomBytes(24).toString('base64url') }
    const keyFile = join(stage.folder, 'doveadm-key')
    writeFileSync(keyFile, `${this.doveadm.key}\n`, { mode: 0o600 })
    this.env = {
      PATH: process.env.PATH,
      HOME: stage.folder,
      LANG: 'C.UTF-8',
      POSTFERRY_DATA_DIR: this.#dataDir,
      POSTFERRY_PORT: String(port),
      POSTFERRY_HOME: `${this.homes}/%d/%n`,
      POSTFERRY_DOVEADM_URLS: `http://127.0.0.1:${doveadmPort}`,
      POSTFERRY_DOVEADM_KEY_FILE: keyFile,
      // Set and empty: the settings of a postferry that is installed on this machine do not count here.
      DATABASE_URL: '',
      DATABASE_URL_FILE: '',
    }
  }

  /** Starts `postferry serve` and waits until it is ready. @returns the checks that say so */
  async serve(): Promise<string[]> {
    say(dim('$ bin/postferry serve'))
    const log = join(this.#stage.folder, 'serve.log')
    const server = await this.#stage.start(() => this.#startServer(log))
    const answer = await Promise.race([this.#firstAnswer(), server.ended])
    if (!(answer instanceof Response)) throw new Error(`postferry serve did not start: ${server.output.join('\n')}`)
    const { status, checks } = (await answer.json()) as { status: string; checks: object }
    if (status !== 'ready') throw new Error(`postferry serve is not ready: ${JSON.stringify(checks)}`)
    return Object.keys(checks)
  }

  /** Shows and runs a command of bin/, which must succeed. @returns its lines */
  async command(program: 'postferry', ...args: string[]): Promise<string[]> {
    say(dim(`$ bin/${program} ${args.map(quoted).join(' ')}`))
    const lines = await this.ask(program, ...args)
    if (lines.length > 0) say(lines.join('\n'))
    return lines
  }

  /** The same without showing it. */
  async ask(program: string, ...args: string[]): Promise<string[]> {
    const running = await this.#stage.start(() => this.run(join(BIN, program), args))
    const code = await running.ended
    if (code !== 0) throw new Error(`bin/${program} ${args.join(' ')} ended with ${code}: ${running.output.join('\n')}`)
    return running.output
  }

  /** Copies mail; what it starts ends with it. */
  sync(args: readonly string[], settings: Partial<ProgramSettings>): Promise<Program> {
    return this.run(join(BIN, 'postferry'), ['sync', ...args], { ...settings, patience: 15_000 })
  }

  run(command: string, args: readonly string[], settings: Partial<ProgramSettings> = {}): Promise<Program> {
    return Program.start(command, args, { env: this.env, ...settings })
  }

  /** What Dovecot shows when it asks postferry. */
  async authToken(): Promise<string> {
    return (await readFile(join(this.#dataDir, 'auth-token'), 'utf8')).trim()
  }

  async #firstAnswer(): Promise<Response | undefined> {
    const deadline = Date.now() + START_LIMIT_MS
    while (Date.now() < deadline) {
      // The token is made at the start; without it /readyz does not name its checks.
      const authorization = `Bearer ${await this.authToken().catch(() => '')}`
      const answer = await fetch(`${this.url}/readyz`, { headers: { authorization } }).catch(() => undefined)
      if (answer) return answer
      await pause(50)
    }
    return undefined
  }

  async #startServer(log: string) {
    const server = await this.run(join(BIN, 'postferry'), ['serve'], { log, patience: 15_000 })
    const stop = async () => {
      await server.stop()
      await this.#stopDatabase()
    }
    return { ended: server.ended, output: server.output, stop }
  }

  /** The last one to leave the embedded PostgreSQL stops it; one that was killed could not. */
  async #stopDatabase(): Promise<void> {
    const pidFile = join(this.#dataDir, 'postgres/postmaster.pid')
    if (!existsSync(pidFile)) return
    process.kill(Number.parseInt(await readFile(pidFile, 'utf8'), 10), 'SIGINT')
    await until(() => !existsSync(pidFile), 'PostgreSQL has stopped')
  }
}

function quoted(arg: string): string {
  return /^[\w@%+=:,./-]+$/.test(arg) ? arg : `'${arg}'`
}

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { COMPILED } from './compiled.ts'
import type { Host } from './network.ts'
import { MAIN } from './program.ts'
import type { SyncEvent } from './sync.ts'

/** Debian's libfaketime, for this processor. */
const FAKETIME = `/usr/lib/${process.arch === 'x64' ? 'x86_64' : 'aarch64'}-linux-gnu/faketime/libfaketime.so.1`

/** A postferry that runs on a host until it is killed; it may be started again. */
export class PostferryOn {
  readonly #host: Host
  readonly #args: readonly string[]
  readonly #environment: NodeJS.ProcessEnv
  #child: ChildProcess | undefined
  /** What a `sync --json` has told so far. */
  readonly events: SyncEvent[] = []
  log = ''

  /** @param aheadSeconds how far its clock is ahead of everybody's */
  constructor(host: Host, args: readonly string[], environment: NodeJS.ProcessEnv, aheadSeconds = 0) {
    this.#host = host
    this.#args = args
    const clock = { LD_PRELOAD: FAKETIME, FAKETIME: `+${aheadSeconds}s`, FAKETIME_DONT_FAKE_MONOTONIC: '1' }
    this.#environment = {
      PATH: `${process.env.PATH}:/usr/sbin:/sbin`,
      ...COMPILED,
      ...environment,
      ...(aheadSeconds > 0 && clock),
    }
    // A test that fails leaves none behind.
    process.once('exit', () => this.#child?.kill('SIGKILL'))
  }

  start(): void {
    const [program = '', ...args] = [...this.#host.enter, process.execPath, MAIN, ...this.#args]
    const child = spawn(program, args, { env: this.#environment })
    this.#child = child
    child.stderr.setEncoding('utf8').on('data', (text) => (this.log += text))
    createInterface({ input: child.stdout as Readable }).on('line', (line) => {
      if (this.#args.includes('--json')) this.events.push(JSON.parse(line))
      else this.log += `${line}\n`
    })
  }

  async end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    child.kill(signal)
    await once(child, 'exit')
  }
}

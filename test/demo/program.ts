import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { appendFileSync } from 'node:fs'

export interface ProgramSettings {
  /** The whole environment. */
  env: NodeJS.ProcessEnv
  /** Everything that the program writes goes to this file, too. */
  log?: string
  /** Called with each line of output. */
  line?: (line: string) => void
  /** How many milliseconds it has to end by itself when it is stopped; few, when it leaves nothing to do. */
  patience?: number
}

/** A program that runs. It is stopped with all that it has started, and does not live longer than this process. */
export class Program {
  readonly pid: number
  readonly output: string[] = []
  /** The exit code; null when a signal ended it. */
  readonly ended: Promise<number | null>
  readonly #patience: number
  #running = true

  static async start(command: string, args: readonly string[], settings: ProgramSettings): Promise<Program> {
    // A process group of its own: Ctrl-C is for the demo, which then stops one after the other.
    const lastSignal = settings.patience === undefined ? 'KILL' : 'TERM'
    const child = spawn('setpriv', ['--pdeathsig', lastSignal, command, ...args], {
      env: settings.env,
      cwd: '/',
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    await once(child, 'spawn')
    return new Program(child, settings)
  }

  private constructor(child: ChildProcess, { log, line, patience = 500 }: ProgramSettings) {
    this.pid = child.pid as number
    this.#patience = patience
    this.ended = once(child, 'close').then(([code]) => {
      this.#running = false
      return code
    })
    for (const stream of [child.stdout, child.stderr]) {
      let rest = ''
      stream?.setEncoding('utf8').on('data', (text: string) => {
        if (log) appendFileSync(log, text)
        const lines = (rest + text).split('\n')
        rest = lines.pop() ?? ''
        for (const each of lines) {
          this.output.push(each)
          line?.(each)
        }
      })
    }
  }

  async stop(): Promise<void> {
    if (!this.#running) return
    this.#signal('SIGTERM')
    const timer = setTimeout(() => this.#signal('SIGKILL'), this.#patience)
    await this.ended
    clearTimeout(timer)
  }

  #signal(signal: NodeJS.Signals): void {
    try {
      process.kill(-this.pid, signal)
    } catch {
      // It has ended.
    }
  }
}

import { globSync, mkdtempSync, rmSync } from 'node:fs'
import { constants, tmpdir } from 'node:os'
import { join } from 'node:path'
import { dim, print, red, say } from './show.ts'

/** What runs until it is stopped. */
export interface Stoppable {
  stop(): Promise<unknown>
}

/** Where the demo plays: a folder of its own, and what was started in it. */
export class Stage {
  readonly folder: string
  readonly #started: Promise<Stoppable | undefined>[] = []
  #over = false

  constructor() {
    this.folder = mkdtempSync(join(temporary(), 'postferry-demo-'))
    // All servers make their folders in here.
    process.env.TMPDIR = this.folder
  }

  /** Starts something that is stopped in the end, even when the end comes before it has started. */
  async start<T extends Stoppable>(begin: () => Promise<T>): Promise<T> {
    if (this.#over) throw new Error('the demo is over')
    const starting = begin()
    this.#started.push(starting.catch(() => undefined))
    return starting
  }

  async stop(): Promise<void> {
    this.#over = true
    const stops = await Promise.allSettled(this.#started.map(async (starting) => (await starting)?.stop()))
    const failed = stops.find(({ status }) => status === 'rejected')
    if (failed?.status === 'rejected') throw failed.reason
  }
}

/** Signals that end the demo. */
export const ENDINGS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

class Interruption extends Error {
  readonly exitCode: number

  constructor(signal: NodeJS.Signals) {
    super(signal)
    this.exitCode = 128 + constants.signals[signal]
  }
}

/**
 * Lets it play, then stops and removes everything, however it ended; the folder stays when something failed.
 * @returns the exit code: 0, 1 for a failure, 130 after Ctrl-C
 */
export async function perform(play: (stage: Stage) => Promise<void>): Promise<number> {
  const stage = new Stage()
  let failure: unknown
  try {
    await Promise.race([interruption(), play(stage)])
  } catch (error) {
    failure = error
  }
  if (failure instanceof Interruption) print(dim('\nStopping everything …'))
  await stage.stop().catch((error) => (failure ??= error))
  if (failure === undefined || failure instanceof Interruption) {
    rmSync(stage.folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 })
  } else {
    tellFailure(failure, stage.folder)
  }
  if (failure instanceof Interruption) print(dim('Everything is stopped and removed.'))
  return failure === undefined ? 0 : failure instanceof Interruption ? failure.exitCode : 1
}

function interruption(): Promise<never> {
  return new Promise((_, reject) => {
    for (const signal of ENDINGS) process.on(signal, () => reject(new Interruption(signal)))
    // Nobody reads the output any more.
    process.stdout.on('error', () => reject(new Interruption('SIGPIPE')))
    process.on('uncaughtException', reject)
  })
}

function tellFailure(failure: unknown, folder: string): void {
  print(red(`\nThe demo failed: ${failure instanceof Error ? failure.message : failure}`))
  print(`All servers are stopped. The folder is kept: ${folder}\nIts logs:`)
  say(
    globSync(['*.log', '*/*.log'], { cwd: folder })
      .sort()
      .map((log) => join(folder, log))
      .join('\n'),
  )
}

/** Sockets have names of 107 bytes at most: a long temporary folder leaves no room for theirs. */
function temporary(): string {
  return tmpdir().length <= 30 ? tmpdir() : '/tmp'
}

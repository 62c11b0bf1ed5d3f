import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import type { Ended } from './service.ts'
import { HANG_MS } from './until.ts'

export const END = '\0END\0'
const PROGRAM = join(import.meta.dirname, 'commands-process.ts')

export interface Asked {
  readonly args: readonly string[]
  readonly input: string
  /** As it is now: a test may change it. */
  readonly env: NodeJS.ProcessEnv
}

export interface Said {
  readonly exitCode: number
  /** The process runs no more commands. */
  readonly isLast: boolean
}

/**
 * A process that runs `postferry` commands, one after the other: to load the program is most of what a command does.
 * Its disposal throws when a command has left something behind that would have kept it from ending.
 */
export interface Commands extends AsyncDisposable {
  readonly isBusy: boolean
  run(args: readonly string[], input: string): Promise<Ended>
}

export function commandsIn(env: NodeJS.ProcessEnv): Commands {
  let child: ChildProcess | undefined
  let isBusy = false
  return {
    get isBusy() {
      return isBusy
    },
    async run(args, input) {
      isBusy = true
      const running = child ?? fork(PROGRAM, [], { env, execArgv: [], stdio: ['ignore', 'pipe', 'pipe', 'ipc'] })
      running.ref()
      const { isLast, ...ended } = await ran(running, { args, input, env }).finally(() => (isBusy = false))
      // tap ends a test file only when nothing else keeps the process alive.
      for (const each of [running, running.channel, running.stdout, running.stderr]) (each as ChildProcess).unref()
      child = isLast ? undefined : running
      return ended
    },
    async [Symbol.asyncDispose]() {
      if (child === undefined) return
      child.ref()
      child.disconnect()
      await once(child, 'exit', { signal: AbortSignal.timeout(HANG_MS) }).catch(() => {
        child?.kill('SIGKILL')
        throw new Error('a command left something behind that keeps its process from ending')
      })
    },
  }
}

async function ran(child: ChildProcess, asked: Asked): Promise<Ended & Pick<Said, 'isLast'>> {
  const over = new AbortController()
  const { signal } = over
  const streams = [child.stdout, child.stderr].map((stream) => textOf(stream as Readable))
  const said = once(child, 'message', { signal }).then(([said]): Said => said)
  const died = once(child, 'exit', { signal }).then(([exitCode]): Said => ({ exitCode, isLast: true }))
  child.send(asked)
  const { exitCode, isLast } = await Promise.race([said, died])
  const [stdout = '', stderr = ''] = await Promise.all(streams)
  over.abort()
  return { exitCode, stdout, stderr, isLast }
}

/** What is written until END, or until nobody is left to write. */
function textOf(stream: Readable): Promise<string> {
  return new Promise((resolve) => {
    let text = ''
    const look = (chunk: string) => {
      text += chunk
      if (text.endsWith(END)) finish()
    }
    const finish = () => {
      stream.off('data', look).off('close', finish)
      resolve(text.replace(END, ''))
    }
    stream.setEncoding('utf8').on('data', look).on('close', finish)
  })
}

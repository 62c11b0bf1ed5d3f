import { join } from 'node:path'
import type { Postferry } from './postferry.ts'
import { dim, say } from './show.ts'
import type { Stage } from './stage.ts'

interface Ended {
  readonly event: string
  readonly address?: string
  readonly outcome?: string
  readonly messages?: number
  readonly seconds?: number
}

/** Runs `postferry sync` and tells of each person. @returns how many messages it copied */
export async function copy(stage: Stage, ferry: Postferry, ...args: string[]): Promise<number> {
  say(dim(`$ bin/postferry sync ${args.join(' ')}`))
  let copied = 0
  const tell = (line: string) => {
    const { event, address, outcome, messages = 0, seconds = 0 } = eventIn(line)
    if (event !== 'ended') return
    if (outcome !== 'complete' && outcome !== 'unchanged') throw new Error(`${address}: ${outcome}`)
    copied += messages
    say(`${address} is complete: ${saidOf(outcome, messages)} ${dim(`(${seconds.toFixed(1)} s)`)}`)
  }
  const log = join(stage.folder, 'sync.log')
  const running = await stage.start(() => ferry.sync([...args, '--json'], { log, line: tell }))
  const code = await running.ended
  if (code !== 0) throw new Error(`postferry sync ended with ${code}: ${running.output.slice(-5).join('\n')}`)
  return copied
}

function saidOf(outcome: Ended['outcome'], messages: number): string {
  if (outcome === 'unchanged') return 'nothing new'
  return messages === 0 ? 'proved' : `${messages} messages copied and proved`
}

/** Other lines are complaints. */
function eventIn(line: string): Ended {
  try {
    return JSON.parse(line)
  } catch {
    throw new Error(line)
  }
}

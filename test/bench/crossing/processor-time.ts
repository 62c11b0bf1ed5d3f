import { readdirSync, readFileSync } from 'node:fs'

const TICKS_PER_SECOND = 100

interface Spent {
  readonly parent: number
  readonly ticks: number
}

/** Processor seconds that these processes and all below them have used so far, ended children included. */
export function processorSeconds(...pids: readonly number[]): number {
  const all = new Map(
    readdirSync('/proc')
      .map(Number)
      .filter(Number.isInteger)
      .flatMap((pid) => spentBy(pid) ?? []),
  )
  const under = (pid: number): number => {
    const children = [...all].filter(([, { parent }]) => parent === pid)
    return (all.get(pid)?.ticks ?? 0) + children.reduce((sum, [child]) => sum + under(child), 0)
  }
  return pids.reduce((sum, pid) => sum + under(pid), 0) / TICKS_PER_SECOND
}

/** proc_pid_stat(5); null: it has ended. */
function spentBy(pid: number): [[number, Spent]] | null {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'latin1')
      .replace(/^.*\) /, '')
      .split(' ')
      .map(Number)
    const [parent = 0] = fields.slice(1)
    return [[pid, { parent, ticks: fields.slice(11, 15).reduce((sum, ticks) => sum + ticks, 0) }]]
  } catch {
    return null
  }
}

import { Told } from '../../model/not-flipped.ts'
import { type End, runProcess } from '../process.ts'
import type { Place } from './place.ts'
import { shown, troubleOf } from './trouble.ts'

/** How a run of doveadm ended. */
export interface Ended extends End {
  /** The last lines of its standard error. */
  readonly said: readonly string[]
}

const LINES_KEPT = 20

/**
 * Runs doveadm as the owner of the mail. It ends with the process that has started it, however that ends: nobody writes
 * into a mailbox for a job that others may have taken over.
 */
export async function doveadm(
  place: Place,
  args: readonly string[],
  signal: AbortSignal,
  onLine: (line: string) => void = () => undefined,
): Promise<Ended> {
  const said: string[] = []
  const end = await runProcess({
    program: 'setpriv',
    args: ['--pdeathsig', 'KILL', 'doveadm', '-c', configurationFor(place, args), ...args],
    owner: place.owner,
    signal,
    isUrgent: (reason) => reason === 'lost-lock',
    onLine,
    onErrorLine(line) {
      said.push(line)
      if (said.length > LINES_KEPT) said.shift()
    },
  })
  return { ...end, said }
}

function configurationFor({ mirror, configuration, liveConfiguration }: Place, args: readonly string[]): string {
  return args.includes(mirror) ? configuration : liveConfiguration
}

/** A run that had to succeed, and what it has said. */
export class DoveadmError extends Told {
  readonly end: Ended

  constructor(command: string, end: Ended) {
    super(`doveadm ${command} ended with ${end.exitCode}\n${shown(end)}`.trim(), troubleOf(end))
    this.end = end
  }
}

/** Some folders are there in name only, as the parents of others: all else is told. */
const EX_NOHOST = 68

/**
 * Reads a table, row by row, as values by the names in its first line.
 * @returns whether nothing was left out
 * @throws DoveadmError
 */
export async function readTable(
  place: Place,
  args: readonly string[],
  signal: AbortSignal,
  onRow: (row: Readonly<Record<string, string>>) => void,
): Promise<boolean> {
  let names: string[] | null = null
  const end = await doveadm(place, ['-f', 'tab', ...args], signal, (line) => {
    const values = line.split('\t')
    if (names === null) names = values
    else onRow(Object.fromEntries(names.map((name, at) => [name, values[at] ?? ''])))
  })
  if (end.exitCode !== 0 && end.exitCode !== EX_NOHOST) throw new DoveadmError(args[0] ?? '', end)
  return end.exitCode === 0
}

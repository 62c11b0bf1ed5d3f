import type { CopyingHosts } from '../copying/copying-hosts.ts'
import type { CopiedTotal } from '../copying/totals.ts'
import type { Outcome } from '../model/attempt.ts'
import type { Route, State } from '../model/migration.ts'
import type { Collisions } from './collisions.ts'

interface OfProvider {
  readonly provider: string
}

/** How the whole move stands at a moment, in numbers: what monitoring sees. */
export interface Standing {
  readonly people: readonly (OfProvider & { readonly state: State; readonly route: Route; readonly people: number })[]
  /** Who has failed, and whose last ledger is not clean. */
  readonly stopped: readonly (OfProvider & { readonly code: string; readonly people: number })[]
  readonly jobs: readonly JobCount[]
  /** Those that ended within the last hour. */
  readonly attempts: readonly AttemptCount[]
  /** Since the database was made; never less than before. */
  readonly copied: readonly CopiedTotal[]
  /** How many `postferry sync` run, on all hosts. */
  readonly workers: number
  /** How many people are due on copying hosts where no worker runs. */
  readonly stranded: number
  /** How many people want what somebody else has. */
  readonly collisions: number
}

/** Jobs of a provider. */
export interface JobCount extends OfProvider {
  /** Due, and claimed by nobody; none outside of the provider's window. */
  readonly waiting: number
  readonly running: number
  /** For how long the first of those that wait has been due; 0: none waits. */
  readonly oldestSeconds: number
}

export interface AttemptCount extends OfProvider {
  readonly outcome: Outcome
  readonly attempts: number
  readonly messages: number
}

/** The counts that are made for this alone. */
export interface Counts {
  people(): Promise<Standing['people']>
  stopped(): Promise<Standing['stopped']>
  jobs(): Promise<Standing['jobs']>
  attempts(): Promise<Standing['attempts']>
  copied(): Promise<Standing['copied']>
  workers(): Promise<number>
}

interface Deps {
  readonly counts: Counts
  readonly copyingHosts: Pick<CopyingHosts, 'stranded'>
  readonly collisions: Pick<Collisions, 'wanted'>
}

/** One question after the other: sign-ins need the database's connections more. */
export async function standingOf({ counts, copyingHosts, collisions }: Deps): Promise<Standing> {
  const { people, stopped, jobs, attempts, copied, workers } = counts
  return {
    people: await people(),
    stopped: await stopped(),
    jobs: await jobs(),
    attempts: await attempts(),
    copied: await copied(),
    workers: await workers(),
    stranded: (await copyingHosts.stranded({})).reduce((sum, { people }) => sum + people, 0),
    collisions: (await collisions.wanted()).length,
  }
}

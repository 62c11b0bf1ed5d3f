import type { Scope } from '../operations/report.ts'
import type { Chosen, Worker } from './ports.ts'

/** People who are due, and on whose copying host no worker runs. */
export interface Stranded {
  readonly host: string
  /** Of the sync state. */
  readonly folder: string
  readonly people: number
}

/** What a copying host can do. */
export interface Able extends Chosen {
  /** Why nobody can be flipped from there; null: people can. */
  readonly cannotFlip: string | null
}

/**
 * Hosts with a sync state. A migration belongs to the one that has copied it: another would bring back what the person
 * has moved or deleted since. It moves to another when a new sync state replaces the old one in the same folder, when
 * somebody retries it an hour after the last worker has run there, or when another takes it over.
 */
export interface CopyingHosts {
  /**
   * Registers a worker that runs with the sync state in this folder. Dispose when it ends.
   * @param tell what this host can do, asked again and again
   */
  serve(worker: Worker, folder: string, tell: () => Promise<Able>): Promise<AsyncDisposable>
  /** What those of the last day have told of that. */
  able(): Promise<(Able & { readonly host: string })[]>
  /** Those of other copying hosts where no worker has run for an hour. */
  strandedBesides(copyingHost: string): Promise<Stranded[]>
  /** Those of all copying hosts but the last one to run a worker, and of that one those who have waited for an hour. */
  stranded(scope: Scope): Promise<Stranded[]>
  /** The copying host of a migration; null: it was copied nowhere yet. */
  of(migrationId: string): Promise<{ readonly id: string; readonly host: string; readonly folder: string } | null>
  /** The hosts of workers that may claim the job of a migration. */
  workersFor(migrationId: string): Promise<string[]>
  /** The copying host that was last in this folder, and how many people it has to copy. */
  lastAt(host: string, folder: string): Promise<{ readonly id: string; readonly people: number } | null>
}

import type { Scope } from '../operations/report.ts'
import type { Worker } from './ports.ts'

/** People who are due, and whose copying state is where nobody works. */
export interface Stranded {
  readonly host: string
  /** Of the copying state. */
  readonly folder: string
  readonly people: number
}

/**
 * Where copying states are. A migration belongs to the one that remembers it: whoever copied it elsewhere would bring
 * back what the person has moved or deleted since. It goes elsewhere when its state is replaced by another in the same
 * folder, or when a person says "retry" an hour after the last work with it, or has another place adopt it.
 */
export interface CopyingHosts {
  /** The worker is at work in this folder until this is disposed. */
  serve(worker: Worker, folder: string): Promise<AsyncDisposable>
  /** Those who are remembered at other places, where nobody has worked for an hour. */
  strandedBesides(copyingHost: string): Promise<Stranded[]>
  /** Those of all places but the one that was at work last, and of that one who have waited long. */
  stranded(scope: Scope): Promise<Stranded[]>
  /** Where a migration is remembered; null: nowhere yet. */
  of(migrationId: string): Promise<{ readonly id: string; readonly host: string; readonly folder: string } | null>
  /** What was in this folder of a host, and how many people it remembers that are to be copied. */
  lastAt(host: string, folder: string): Promise<{ readonly id: string; readonly people: number } | null>
}

/** What becomes of them, in words. */
export function strandedText({ host, folder, people }: Stranded): string {
  const who = people === 1 ? '1 person is due' : `${people} people are due`
  return `${who} whose copying state is where nobody works: ${[host, folder].filter((part) => part !== '').join(', ')}`
}

export const STRANDED_REMEDY =
  'run "postferry sync" there, or bring that folder here (POSTFERRY_OFFLINEIMAP_METADATA); when it is lost, ' +
  '"postferry migration retry", from an hour after the last work there on, or "postferry sync --adopt" here at once: that ' +
  'copies nothing twice but brings back what people moved or deleted on the new server'

import type { By } from '../model/audit.ts'

/** What belongs to the database and lies elsewhere: no backup has it. */
export interface Belonging {
  readonly what: string
  readonly where: string
  /** Whether it is on this host. */
  readonly here: boolean
  readonly why: string
}

export interface BackedUp {
  readonly madeAt: Date
  /** The last upgrade of the schema. */
  readonly upgrade: string
  readonly tables: readonly { readonly name: string; readonly rows: number }[]
}

export interface Restored extends BackedUp {
  /** The upgrades that the backup did not have yet. */
  readonly upgraded: readonly string[]
}

export type Pieces = AsyncIterable<Uint8Array>

export interface Backups {
  /** Everything that the database holds, as of one moment, while it is in use. */
  write(making: Making, sink: (pieces: Pieces) => Promise<void>): Promise<BackedUp>
  /**
   * Fills an empty database from a backup, and upgrades it: all or nothing.
   * @throws Refused: `invalid`, the backup cannot be used; `conflict`, the database is not empty
   */
  restore(pieces: Pieces, by: By, onRows: OnRows): Promise<Restored>
}

export interface Making {
  readonly outside: readonly Belonging[]
  readonly onRows: OnRows
  /** Aborted: give up. */
  readonly stop: AbortSignal
}

/** Called with the number of rows so far, and about how many there are, where that is known. */
export type OnRows = (rows: number, about?: number) => void

import type { Line } from '../row.ts'

/** How much is measured. */
export interface Size {
  readonly rounds: number
  readonly people: number
  /** Of each person. */
  readonly messages: number
  /** How many of the people two OfflineIMAPs copy. */
  readonly plain: number
  /** Of the largest mailboxes, too. */
  readonly isFull: boolean
  /** In milliseconds of round trip. */
  readonly distances: readonly number[]
}

export const SHORT: Size = { rounds: 1, people: 4, messages: 300, plain: 4, isFull: false, distances: [0, 10, 40] }
export const FULL: Size = { rounds: 3, people: 20, messages: 1200, plain: 20, isFull: true, distances: [0, 10, 40] }

/** What is measured together. */
export interface CopyRow {
  readonly name: string
  readonly about: string
  measure(size: Size): Promise<Line[]>
}

import type { Line } from '../row.ts'

/** How much is measured. */
export interface Size {
  readonly rounds: number
  readonly people: number
  /** Of each person. */
  readonly messages: number
}

export const SHORT: Size = { rounds: 1, people: 4, messages: 300 }
export const FULL: Size = { rounds: 3, people: 20, messages: 1200 }

/** What is measured together. */
export interface CopyRow {
  readonly name: string
  readonly about: string
  measure(size: Size): Promise<Line[]>
}

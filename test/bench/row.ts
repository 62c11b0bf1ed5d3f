/** A line of the table. */
export interface Line {
  readonly what: string
  /** What it is compared with, and its figure. */
  readonly reference: string
  readonly measured: string
  readonly target: string
  readonly isMet: boolean
}

/** How thoroughly to measure. */
export interface Pace {
  readonly rounds: number
  /** How long one figure of a round is measured, where it is a rate. */
  readonly seconds: number
  /** How many people arrive in the storm. */
  readonly people: number
}

/** What is measured together. */
export interface Row {
  readonly name: string
  /** What `--help` says about it. */
  readonly about: string
  measure(pace: Pace): Promise<Line[]>
}

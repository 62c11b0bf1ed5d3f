/** A line of the table. */
export interface Line {
  readonly what: string
  readonly ours: string
  readonly reference: string
  readonly ratio: string
  readonly target: string
  readonly met: boolean
}

/** How thoroughly to measure. */
export interface Pace {
  readonly rounds: number
  /** How long one figure of a round is measured, where it is a rate. */
  readonly seconds: number
}

/** What is measured together. */
export interface Row {
  readonly name: string
  measure(pace: Pace): Promise<Line[]>
}

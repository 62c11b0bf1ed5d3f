import { interrupted } from './interrupt.ts'

/** Two figures that were measured in turns. */
export interface Comparison {
  /** Medians of the rounds. */
  readonly ours: number
  readonly reference: number
  /** The median of the rounds' ratios, ours to the reference. */
  readonly ratio: number
  /** Ratios between which the middle half of the rounds lies. */
  readonly low: number
  readonly high: number
}

type Measured = () => Promise<number>
type Pair = Pick<Comparison, 'ours' | 'reference'>

/** Measures A B, B A, A B …: whatever else the machine does meets both. The first round warms up and does not count. */
export async function inTurns(rounds: number, ours: Measured, reference: Measured): Promise<Comparison> {
  const pairs: Pair[] = []
  for (let round = 0; round <= rounds; round++) pairs.push(await measuredPair(round % 2 === 0, ours, reference))
  return comparisonOf(pairs.slice(1))
}

async function measuredPair(oursFirst: boolean, measureOurs: Measured, measureReference: Measured): Promise<Pair> {
  interrupted.throwIfAborted()
  if (oursFirst) return { ours: await measureOurs(), reference: await measureReference() }
  const reference = await measureReference()
  return { ours: await measureOurs(), reference }
}

export function comparisonOf(pairs: readonly Pair[]): Comparison {
  const ratios = pairs.map(({ ours, reference }) => ours / reference)
  return {
    ours: median(pairs.map(({ ours }) => ours)),
    reference: median(pairs.map(({ reference }) => reference)),
    ratio: median(ratios),
    low: quantile(ratios, 0.25),
    high: quantile(ratios, 0.75),
  }
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5)
}

export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((one, other) => one - other)
  const place = (sorted.length - 1) * share
  const below = sorted[Math.floor(place)] ?? Number.NaN
  return below + ((sorted[Math.ceil(place)] ?? Number.NaN) - below) * (place % 1)
}

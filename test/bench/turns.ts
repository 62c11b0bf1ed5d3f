/** Two figures that were measured in turns: medians, and how far the rounds are apart. */
export interface Comparison {
  readonly ours: number
  readonly reference: number
  /** The median of the rounds' ratios, ours to the reference. */
  readonly ratio: number
  readonly low: number
  readonly high: number
}

type Measured = () => Promise<number>

/** Measures A B, B A, A B …: whatever else the machine does meets both. The first round warms up and does not count. */
export async function inTurns(rounds: number, ours: Measured, reference: Measured): Promise<Comparison> {
  await reference()
  await ours()
  const pairs: { ours: number; reference: number }[] = []
  for (let round = 0; round < rounds; round++) {
    const first = round % 2 === 0 ? await ours() : await reference()
    const second = round % 2 === 0 ? await reference() : await ours()
    pairs.push(round % 2 === 0 ? { ours: first, reference: second } : { ours: second, reference: first })
  }
  const ratios = pairs.map((pair) => pair.ours / pair.reference)
  return {
    ours: median(pairs.map((pair) => pair.ours)),
    reference: median(pairs.map((pair) => pair.reference)),
    ratio: median(ratios),
    low: Math.min(...ratios),
    high: Math.max(...ratios),
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

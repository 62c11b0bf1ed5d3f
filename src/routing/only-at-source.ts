/** Keeps how much mail was taken for whom, by address. */
export type KeepCounts = (counts: ReadonlyMap<string, number>) => Promise<void>

/** Counts mail for people whom only the source knows. Disposed, it keeps what it has counted. */
export interface OnlyAtSource extends AsyncDisposable {
  count(address: string): void
}

const KEEP_EVERY_MS = 5_000
/** Further addresses are not counted until these are kept: guesses of strangers must not fill the memory. */
const MOST_ADDRESSES = 10_000

export function countOnlyAtSource(keep: KeepCounts, onTrouble: (cause: unknown) => void): OnlyAtSource {
  let counts = new Map<string, number>()
  const add = (address: string, messages: number) => {
    if (counts.size < MOST_ADDRESSES || counts.has(address)) counts.set(address, (counts.get(address) ?? 0) + messages)
  }

  async function keepNow(): Promise<void> {
    if (counts.size === 0) return
    const counted = counts
    counts = new Map()
    try {
      await keep(counted)
    } catch (cause) {
      onTrouble(cause)
      for (const [address, messages] of counted) add(address, messages)
    }
  }

  let kept = Promise.resolve()
  const timer = setInterval(() => (kept = kept.then(keepNow)), KEEP_EVERY_MS).unref()
  return {
    count: (address) => add(address, 1),
    async [Symbol.asyncDispose]() {
      clearInterval(timer)
      await kept.then(keepNow)
    },
  }
}

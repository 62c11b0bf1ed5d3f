const LEAST_MS = 3_000
/** Whatever it costs, it takes no more than a twentieth of the time. */
const TIMES_AS_LONG = 20

/** Does the work once for all who ask at about the same time, and not again for a while that its cost decides. */
export function memo<T>(work: () => Promise<T>): () => Promise<T> {
  let last: { readonly result: Promise<T>; until: number } | undefined
  return () => {
    if (last !== undefined && performance.now() < last.until) return last.result
    const startedAt = performance.now()
    const current = { result: work(), until: Number.POSITIVE_INFINITY }
    last = current
    current.result.then(
      () => {
        const now = performance.now()
        current.until = now + Math.max(LEAST_MS, TIMES_AS_LONG * (now - startedAt))
      },
      () => {
        current.until = 0
      },
    )
    return current.result
  }
}

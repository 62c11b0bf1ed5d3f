const LEAST_MS = 3_000
/** Whatever it costs, it takes no more than a twentieth of the time. */
const TIMES_AS_LONG = 20
/** What is older is told to nobody. */
const OLDEST_MS = 15_000

/**
 * Does the work once for all who ask at about the same time, and not again for a while that its cost decides. Nobody waits
 * while it is done again: they get what is known, unless that is old.
 */
export function memo<T>(work: () => Promise<T>, now = () => performance.now()): () => Promise<T> {
  let known: { readonly value: T; readonly at: number; readonly until: number } | undefined
  let running: Promise<T> | undefined
  const begin = async (): Promise<T> => {
    const begun = now()
    const value = await work()
    const at = now()
    known = { value, at, until: at + Math.max(LEAST_MS, TIMES_AS_LONG * (at - begun)) }
    return value
  }
  return async () => {
    if (known !== undefined && now() < known.until) return known.value
    running ??= begin().finally(() => {
      running = undefined
    })
    if (known === undefined || now() - known.at >= OLDEST_MS) return await running
    // Whoever asks next hears of what went wrong.
    running.catch(() => undefined)
    return known.value
  }
}

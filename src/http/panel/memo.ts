const LEAST_MS = 3_000
/** Whatever it costs, it takes no more than a twentieth of the time. */
const TIMES_AS_LONG = 20
/** What is older is told to nobody. */
const OLDEST_MS = 15_000

interface Memo<T> {
  (): Promise<T>
  /** It is another by now: whoever asks next waits for it. */
  forget(): void
}

/**
 * Does the work once for all who ask at about the same time, and not again for a while that its cost decides. Nobody waits
 * while it is done again: they get what is known, unless that is old.
 */
export function memo<T>(work: () => Promise<T>, now = () => performance.now()): Memo<T> {
  let known: { readonly value: T; readonly at: number; readonly until: number } | undefined
  let running: Promise<T> | undefined
  /** Of the last that has begun, or was forgotten. */
  let number = 0
  const begin = async (): Promise<T> => {
    const begun = now()
    const mine = ++number
    const value = await work()
    const at = now()
    if (mine === number) known = { value, at, until: at + Math.max(LEAST_MS, TIMES_AS_LONG * (at - begun)) }
    return value
  }
  const look = async () => {
    if (known !== undefined && now() < known.until) return known.value
    if (running === undefined) {
      const begun = begin().finally(() => {
        if (running === begun) running = undefined
      })
      running = begun
    }
    if (known === undefined || now() - known.at >= OLDEST_MS) return await running
    // Whoever asks next hears of what went wrong.
    running.catch(() => undefined)
    return known.value
  }
  // What is being looked up may be from before.
  const forget = () => {
    number++
    known = undefined
    running = undefined
  }
  return Object.assign(look, { forget })
}

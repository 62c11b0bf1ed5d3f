const MINUTE_MS = 60_000
/** Nobody is kept waiting for longer by what a server says. */
const MOST_MS = 24 * 60 * MINUTE_MS

/** For how long a server asks to be left alone, in milliseconds (`Suggested Backoff Time: 92415 milliseconds`); null: it does not. */
export function backoffIn(text: string): number | null {
  const [, number, unit = ''] =
    /backoff time[:=\s]+(\d{1,12})\s*(milliseconds|ms|seconds|s|minutes)?\b/i.exec(text) ?? []
  if (number === undefined) return null
  const factor = /^m(?:illi|s)|^$/i.test(unit) ? 1 : /^s/i.test(unit) ? 1000 : MINUTE_MS
  return Math.min(Number(number) * factor, MOST_MS)
}

/** The same as a sentence. */
export function backoffText(waitMs: number): string {
  return `the old server asks to be left alone for ${Math.ceil(waitMs / MINUTE_MS)} min`
}

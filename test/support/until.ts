import { setTimeout as pause } from 'node:timers/promises'

/** Looks again and again until there is something to see, five seconds at most unless told otherwise. */
export async function until<T>(
  look: () => T | Promise<T>,
  what: string,
  limitMs = 5000,
): Promise<Exclude<T, false | undefined>> {
  const deadline = Date.now() + limitMs
  while (Date.now() < deadline) {
    const seen = await look()
    if (seen) return seen as Exclude<T, false | undefined>
    await pause(10)
  }
  throw new Error(`waited in vain: ${what}`)
}

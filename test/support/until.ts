import { setTimeout as pause } from 'node:timers/promises'

/** Whatever takes so long hangs: nothing does on a machine that is merely busy. */
export const HANG_MS = 180_000

/** Looks again and again until there is something to see. */
export async function until<T>(look: () => T | Promise<T>, what: string): Promise<Exclude<T, false | undefined>> {
  const deadline = Date.now() + HANG_MS
  while (Date.now() < deadline) {
    const seen = await look()
    if (seen) return seen as Exclude<T, false | undefined>
    await pause(10)
  }
  throw new Error(`waited in vain: ${what}`)
}

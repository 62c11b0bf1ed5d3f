import { join } from 'node:path'

/** In a home: never a folder that a sign-in or a delivery leads to. */
export const MIRROR = '.postferry/mirror'

export function mirrorIn(home: string): string {
  return join(home, MIRROR)
}

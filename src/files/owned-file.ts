import { closeSync, fchownSync, openSync, statSync } from 'node:fs'
import { dirname } from 'node:path'

/** Opens a file to append to. One that root makes here belongs to the folder's owner, who needs it next time. */
export function openOwned(path: string): number {
  let made: number
  try {
    made = openSync(path, 'ax', 0o600)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    return openSync(path, 'a', 0o600)
  }
  try {
    const { uid, gid } = statSync(dirname(path))
    if (process.geteuid?.() === 0) fchownSync(made, uid, gid)
    return made
  } catch (error) {
    closeSync(made)
    throw error
  }
}

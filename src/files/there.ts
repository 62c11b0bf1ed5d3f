import { statSync } from 'node:fs'

/** Whether something is there. @throws the error of the file system (EACCES) where this user cannot tell */
export function isThere(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false }) !== undefined
}

import { randomUUID } from 'node:crypto'
import { existsSync, linkSync, readFileSync, rmSync, writeFileSync } from 'node:fs'

/**
 * Makes a file, readable by its owner alone, that appears whole or not at all, and is on the disk then.
 * @throws the error of the file system; EEXIST: there is one
 */
export function createFile(path: string, text: string): void {
  const unfinished = `${path}.${randomUUID()}`
  try {
    writeFileSync(unfinished, text, { mode: 0o600, flag: 'wx', flush: true })
    linkSync(unfinished, path)
  } finally {
    rmSync(unfinished, { force: true })
  }
}

/** The line that a file keeps. It is made once: of several processes that make it at the same moment, one is first. */
export function keptLine(path: string, make: () => string): string {
  if (!existsSync(path)) createUnlessThere(path, `${make()}\n`)
  return readFileSync(path, 'utf8').trim()
}

function createUnlessThere(path: string, text: string): void {
  try {
    createFile(path, text)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
}

import { randomUUID } from 'node:crypto'
import { closeSync, existsSync, fsyncSync, linkSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'

/**
 * Makes a file that appears whole or not at all, and is on the disk then.
 * @param mode without, its owner alone may read it
 * @throws the error of the file system; EEXIST: there is one
 */
export function createFile(path: string, text: string, mode = 0o600): void {
  const unfinished = `${path}.${randomUUID()}`
  try {
    writeFileSync(unfinished, text, { mode, flag: 'wx', flush: true })
    linkSync(unfinished, path)
    settle(dirname(path))
  } finally {
    rmSync(unfinished, { force: true })
  }
}

/** The name of a file is safe on the disk only when its folder is. */
export function settle(folder: string): void {
  const descriptor = openSync(folder, 'r')
  try {
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
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

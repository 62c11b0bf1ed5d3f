import { randomUUID } from 'node:crypto'
import {
  chownSync,
  closeSync,
  existsSync,
  fsyncSync,
  linkSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { dirname } from 'node:path'

/** Who may do what with a file. Without an owner it is whoever makes it. */
export interface Access {
  readonly mode: number
  readonly uid?: number
  readonly gid?: number
}

const OWNER_ALONE: Access = { mode: 0o600 }

/**
 * Makes a file that appears whole or not at all, and is on the disk then.
 * @throws the error of the file system; EEXIST: there is one
 */
export function createFile(path: string, text: string, access = OWNER_ALONE): void {
  putWhole(path, text, access, linkSync)
}

/** The same, in the place of what is there. */
export function replaceFile(path: string, text: string, access = OWNER_ALONE): void {
  putWhole(path, text, access, renameSync)
}

function putWhole(path: string, text: string, access: Access, put: (from: string, to: string) => void): void {
  const unfinished = `${path}.${randomUUID()}`
  try {
    writeFileSync(unfinished, text, { mode: access.mode, flag: 'wx', flush: true })
    handOver(unfinished, access)
    put(unfinished, path)
    settle(dirname(path))
  } finally {
    rmSync(unfinished, { force: true })
  }
}

/** Only root can give something to somebody else. */
export function handOver(path: string, { uid, gid }: Pick<Access, 'uid' | 'gid'>): void {
  if (process.geteuid?.() === 0 && uid !== undefined && gid !== undefined) chownSync(path, uid, gid)
}

/** Another one whenever the file may say something else. */
export function fileStamp(file: string): string {
  try {
    const { ino, size, mtimeNs } = statSync(file, { bigint: true })
    return `${ino}:${size}:${mtimeNs}`
  } catch {
    return '-'
  }
}

/** The name of a file is safe on the disk only when its folder is. */
function settle(folder: string): void {
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

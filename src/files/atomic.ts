import { randomUUID } from 'node:crypto'
import {
  closeSync,
  existsSync,
  fsyncSync,
  lchownSync,
  linkSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { basename, dirname, join } from 'node:path'

/** Who may do what with a file. Without an owner it belongs to whoever makes it. */
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
  using file = new Unfinished(path, access)
  file.write(text)
  file.put(linkSync)
}

/** The same, in the place of what is there. */
export function replaceFile(path: string, text: string, access = OWNER_ALONE): void {
  using file = new Unfinished(path, access)
  file.write(text)
  file.put(renameSync)
}

/** The same with what comes piece by piece. */
export async function replaceFileFrom(path: string, pieces: AsyncIterable<string | Uint8Array>): Promise<void> {
  using file = new Unfinished(path, OWNER_ALONE)
  for await (const piece of pieces) file.write(piece)
  file.put(renameSync)
}

/** A file beside its place: when it is disposed, it is there or gone. */
class Unfinished implements Disposable {
  readonly #path: string
  readonly #access: Access
  readonly #unfinished: string
  readonly #descriptor: number

  constructor(path: string, access: Access) {
    this.#path = path
    this.#access = access
    this.#unfinished = join(dirname(path), `.${basename(path)}.${randomUUID()}`)
    this.#descriptor = openSync(this.#unfinished, 'wx', access.mode)
  }

  write(piece: string | Uint8Array): void {
    writeFileSync(this.#descriptor, piece)
  }

  put(move: (from: string, to: string) => void): void {
    giveTo(this.#unfinished, this.#access)
    fsyncSync(this.#descriptor)
    move(this.#unfinished, this.#path)
    syncFolder(dirname(this.#path))
  }

  [Symbol.dispose](): void {
    closeSync(this.#descriptor)
    rmSync(this.#unfinished, { force: true })
  }
}

/** Only root can give something to somebody else: this very thing, not what a link leads to that they have put there. */
export function giveTo(path: string, { uid, gid }: Pick<Access, 'uid' | 'gid'>): void {
  if (process.geteuid?.() === 0 && uid !== undefined && gid !== undefined) lchownSync(path, uid, gid)
}

/** The name of a file is safe on the disk only when its folder is. */
function syncFolder(folder: string): void {
  const descriptor = openSync(folder, 'r')
  try {
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
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

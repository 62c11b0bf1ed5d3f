import { type BigIntStats, closeSync, constants, fstatSync, openSync, readSync } from 'node:fs'

/** Longer ones are not small. */
const SMALL = 1024 * 1024
const buffer = Buffer.allocUnsafe(SMALL)

/**
 * Reads a small file at once: to ask a thread for each step takes longer than the step.
 * @returns its bytes, until the next call; null: it is no file, as `openRegular` says, or not small
 */
export function readSmall(path: string): { bytes: Buffer | null; stats: BigIntStats } {
  const file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
  try {
    const stats = fstatSync(file, { bigint: true })
    return { bytes: stats.isFile() && stats.size < SMALL ? bytesOf(file) : null, stats }
  } finally {
    closeSync(file)
  }
}

function bytesOf(file: number): Buffer | null {
  let length = 0
  while (length < SMALL) {
    const more = readSync(file, buffer, length, SMALL - length, null)
    if (more === 0) return buffer.subarray(0, length)
    length += more
  }
  return null
}

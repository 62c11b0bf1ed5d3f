import type { FileHandle } from 'node:fs/promises'

const PIECE = 64 * 1024

/** What is in a file. A stream would make a new buffer for each piece, and they would lie about for long. */
export async function* piecesOf(file: FileHandle): AsyncGenerator<Buffer> {
  const buffer = Buffer.allocUnsafeSlow(PIECE)
  for (;;) {
    const { bytesRead } = await file.read(buffer)
    if (bytesRead === 0) return
    // Overwritten by the next one.
    yield buffer.subarray(0, bytesRead)
  }
}

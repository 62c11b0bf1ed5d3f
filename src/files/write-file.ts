import { randomUUID } from 'node:crypto'
import { type FileHandle, open, rename, rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'

const BUFFER_BYTES = 64 * 1024

/**
 * Writes a file, readable by its owner alone, that appears whole or not at all, whatever happens meanwhile.
 * @throws the error of the file system; an older file of that name is then untouched
 */
export async function replaceFile(path: string, chunks: AsyncIterable<string>): Promise<void> {
  const unfinished = join(dirname(path), `.${basename(path)}.${randomUUID()}`)
  const file = await open(unfinished, 'wx', 0o600)
  try {
    await writeAll(file, chunks)
    await file.sync()
    await file.close()
    await rename(unfinished, path)
  } catch (error) {
    await file.close().catch(() => undefined)
    await rm(unfinished, { force: true })
    throw error
  }
}

async function writeAll(file: FileHandle, chunks: AsyncIterable<string>): Promise<void> {
  for await (const text of gathered(chunks)) await file.writeFile(text)
}

/** The same text in larger chunks. */
export async function* gathered(chunks: AsyncIterable<string>): AsyncGenerator<string> {
  let text = ''
  for await (const chunk of chunks) {
    text += chunk
    if (text.length < BUFFER_BYTES) continue
    yield text
    text = ''
  }
  yield text
}

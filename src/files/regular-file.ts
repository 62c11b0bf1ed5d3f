import { constants } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'

/**
 * Opens a file of somebody else to read it. Null: it is none. A pipe would be waited for, and a device has no end: they
 * may be put there by a person whose mail root copies, and may take the file's place at any moment.
 */
export async function openRegular(path: string): Promise<FileHandle | null> {
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK)
  if ((await file.stat()).isFile()) return file
  await file.close()
  return null
}

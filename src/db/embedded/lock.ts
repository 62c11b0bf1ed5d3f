import { once } from 'node:events'
import { statSync } from 'node:fs'
import { createServer } from 'node:net'

/**
 * A lock on a folder that the kernel ends with this process, however it dies: a listening socket in Linux' abstract
 * name space (unix(7)), named after the folder's device and inode. Null: another process has it.
 */
export async function lockFolder(folder: string, purpose: string): Promise<Disposable | null> {
  const { dev, ino } = statSync(folder)
  const server = createServer((connection) => connection.destroy())
  server.listen(`\0mailferry/${purpose}/${dev}-${ino}`)
  try {
    await once(server, 'listening')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE') return null
    throw error
  }
  server.unref()
  return { [Symbol.dispose]: () => server.close() }
}

import { lstatSync, rmSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PLACE, SOCKET } from './place.ts'

/** Removes what workers have left that were killed. Never throws. */
export async function removeStale(): Promise<void> {
  const names = await readdir(tmpdir()).catch((): string[] => [])
  for (const name of names.filter((name) => name.startsWith(PLACE))) {
    const folder = join(tmpdir(), name)
    try {
      if (isOwn(folder) && (await isDeserted(join(folder, SOCKET)))) rmSync(folder, { recursive: true, force: true })
    } catch {
      // Somebody else's, or gone meanwhile.
    }
  }
}

function isOwn(folder: string): boolean {
  const stats = lstatSync(folder)
  return stats.isDirectory() && stats.uid === process.geteuid?.()
}

/** Whether nobody listens any more on a socket that is there. */
function isDeserted(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path)
    socket.once('connect', () => {
      resolve(false)
      socket.destroy()
    })
    socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code === 'ECONNREFUSED'))
  })
}

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync } from 'node:fs'
import { join } from 'node:path'
import { openOwned } from './owned-file.ts'

// flock(1), for which Node has no call; where it is everywhere.
const PATH = '/usr/bin:/bin:/usr/local/bin'
const BUSY = 1

/**
 * A lock on a folder that the kernel ends with this process, however it dies: flock(2) on a file inside, which only its
 * owner can open. It belongs to the open file, so that it stays when the program that took it ends. Null: another
 * process has it.
 */
export async function lockFolder(folder: string, purpose: string): Promise<Disposable | null> {
  const file = join(folder, `${purpose}.lock`)
  const descriptor = openOwned(file)
  try {
    const status = await flock(descriptor)
    if (status === 0) return { [Symbol.dispose]: () => closeSync(descriptor) }
    closeSync(descriptor)
    if (status === BUSY) return null
  } catch (cause) {
    closeSync(descriptor)
    const { code } = cause as NodeJS.ErrnoException
    const why = code === 'ENOENT' ? 'is missing: apt-get install util-linux' : `cannot be run (${code})`
    throw new Error(`flock ${why}`, { cause })
  }
  throw new Error(`${file} cannot be locked: does its file system know flock(2)?`)
}

/** Takes the lock for whoever has the file open; returns the exit code. */
async function flock(descriptor: number): Promise<number | null> {
  const child = spawn('flock', ['-n', '3'], { stdio: ['ignore', 'ignore', 'ignore', descriptor], env: { PATH } })
  const [status] = await once(child, 'close')
  return status
}

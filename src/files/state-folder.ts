import { randomUUID } from 'node:crypto'
import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { SettingsError } from '../settings.ts'
import { keptLine } from './atomic.ts'

/** In the folder of a sync state: which copying host it makes of the one that it is mounted on. */
const FILE = 'postferry-copying-host'

/**
 * The id of the copying host with this sync state, made at first need.
 * @param setting that names the folder
 * @throws SettingsError
 */
export function copyingHostIn(folder: string, setting: string): string {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    return keptLine(join(folder, FILE), randomUUID)
  } catch (error) {
    throw new SettingsError(`${setting}: cannot write in ${folder} (${(error as NodeJS.ErrnoException).code})`)
  }
}

/** Whether the folder holds the sync state of another copying host, or none. False for whoever may not read it. */
export function isOfAnother(copyingHost: string, folder: string): boolean {
  try {
    return readFileSync(join(folder, FILE), 'utf8').trim() !== copyingHost
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT'
  }
}

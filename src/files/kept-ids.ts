import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { SettingsError } from '../settings.ts'
import { keptLine } from './atomic.ts'
import { makeFolder } from './folder.ts'

/** In the folder of a sync state: which copying host it makes of the one that it is mounted on. */
const FILE = 'postferry-copying-host'

/**
 * The id of the copying host with this sync state, made at first need.
 * @param setting that names the folder
 * @throws SettingsError
 */
export function copyingHostIn(folder: string, setting: string): string {
  try {
    makeFolder(folder)
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

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

/**
 * Names the one `postferry serve` of a data directory on this host: the same after each start, whatever ended it. A
 * copy of the directory on another host gets a name of its own.
 * @throws SettingsError
 */
export function instanceId(dataDir: string): string {
  const file = join(dataDir, `instance-id.${hostname()}`)
  const id = keptLine(file, randomUUID)
  if (UUID.test(id)) return id
  throw new SettingsError(`${file} does not hold an instance id: remove it, and the next start makes another one`)
}

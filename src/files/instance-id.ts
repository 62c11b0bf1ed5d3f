import { randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { SettingsError } from '../settings.ts'
import { keptLine } from './atomic.ts'

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

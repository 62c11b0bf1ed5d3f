import { join } from 'node:path'
import { isThere } from '../../files/there.ts'
import type { Settings } from '../../settings.ts'

/** Whether there is a database that a command can look at: to open the one in the data directory would make it. */
export function isDatabaseMade({ databaseUrl, dataDir }: Pick<Settings, 'databaseUrl' | 'dataDir'>): boolean {
  return databaseUrl !== null || isThere(join(dataDir, 'postgres'))
}

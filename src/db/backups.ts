import type { Backups } from '../operations/backups.ts'
import type { Database } from './connection/database.ts'

/** @param version of this program */
export function backups({ connect, upgrades }: Pick<Database, 'connect' | 'upgrades'>, version: string): Backups {
  return {
    async write(making, sink) {
      const { writeBackup } = await import('./backup/write.ts')
      const client = await connect()
      return await writeBackup(client, { ...making, version }, sink).finally(() => client.end())
    },
    async restore(pieces, by, onRows) {
      const { restoreBackup } = await import('./backup/restore.ts')
      const client = await connect()
      // A connection that ends takes back what was not committed.
      return await restoreBackup(client, pieces, { by, shipped: upgrades, onRows }).finally(() => client.end())
    },
  }
}

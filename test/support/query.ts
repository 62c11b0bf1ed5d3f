import pg from 'pg'
import { clusterFolder } from '../../src/db/embedded/cluster.ts'

/** Asks the embedded database of a data directory that is in use. */
export async function query(dataDir: string, text: string, values?: unknown[]): Promise<pg.QueryResult> {
  const client = new pg.Client({ host: clusterFolder(dataDir), user: 'postferry', database: 'postferry' })
  // A connection that ends is the query's failure, too.
  client.on('error', () => undefined)
  await client.connect()
  return await client.query(text, values).finally(() => client.end())
}

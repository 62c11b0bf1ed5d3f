import { pipeline } from 'node:stream/promises'
import { createGzip } from 'node:zlib'
import type pg from 'pg'
import { to as copyTo } from 'pg-copy-streams'
import { Refused } from '../../model/refused.ts'
import type { BackedUp, Making, OnRows, Pieces } from '../../operations/backups.ts'
import { appliedUpgrades, lockSchema } from '../connection/upgrades.ts'
import {
  Counter,
  copyOf,
  digest,
  END_OF_TABLE,
  FORMAT,
  FORMAT_VERSION,
  type Header,
  jsonLine,
  PORTABLE,
  type Tally,
} from './format.ts'
import { backedTables } from './tables.ts'

/**
 * Writes all that the database holds, as of one moment.
 * @param client has nothing else to do, before or after
 * @param making with the version of this program
 */
export async function writeBackup(
  client: pg.Client,
  making: Making & { readonly version: string },
  sink: (pieces: Pieces) => Promise<void>,
): Promise<BackedUp> {
  // Whoever upgrades meanwhile waits here, and not for tables, where sign-ins would wait behind them.
  await lockSchema(client)
  await client.query(PORTABLE)
  await client.query('begin isolation level repeatable read, read only')
  const header = await makeHeader(client, making)
  const tallies: Tally[] = []
  await pipeline(lines(client, header, tallies, making.onRows), createGzip(), sink, { signal: making.stop })
  return { madeAt: new Date(header.made_at), upgrade: header.upgrades.at(-1)?.name ?? '', tables: tallies }
}

async function makeHeader(
  client: pg.Client,
  { version, outside }: Pick<Making, 'outside'> & { version: string },
): Promise<Header> {
  const upgrades = await appliedUpgrades(client)
  if (upgrades.length === 0) throw new Refused('invalid', 'the database is empty: there is nothing to back up')
  const { rows } = await client.query(`select now() as now, version() as server`)
  return {
    format: FORMAT,
    version: FORMAT_VERSION,
    postferry: version,
    server: rows[0].server,
    made_at: rows[0].now.toISOString(),
    upgrades,
    tables: await backedTables(client),
    outside,
  }
}

/** As the planner has counted them last; what it has not counted yet is no number. */
async function rowsAbout(client: pg.Client): Promise<number | undefined> {
  const { rows } = await client.query(`select sum(reltuples)::float8 as rows from pg_class
    where relnamespace = current_schema()::regnamespace and relkind = 'r' and reltuples > 0`)
  return rows[0].rows ?? undefined
}

async function* lines(client: pg.Client, header: Header, tallies: Tally[], onRows: OnRows): AsyncGenerator<Buffer> {
  const first = jsonLine(header)
  yield first
  const about = await rowsAbout(client)
  let rows = 0
  for (const table of header.tables) {
    const counter = new Counter()
    for await (const chunk of client.query(copyTo(`${copyOf(table)} to stdout`))) {
      counter.add(chunk)
      onRows(rows + counter.rows, about)
      yield chunk
    }
    yield Buffer.from(END_OF_TABLE)
    rows += counter.rows
    tallies.push(counter.tally(table.name))
  }
  yield jsonLine({ header: digest(first), tables: tallies })
}

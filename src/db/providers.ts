import { type Insertable, type Kysely, type RawBuilder, type Selectable, type SqlBool, sql } from 'kysely'
import type { AfterRefusal, CopyWindow, Cutover, LoginName, Provider, TlsMode } from '../model/provider.ts'
import { Refused } from '../model/refused.ts'
import type { Providers } from '../operations/ports.ts'
import { record } from './audit.ts'
import { isForeignKeyViolation, isUniqueViolation } from './connection/errors.ts'
import type { DB, Provider as ProviderTable } from './schema.ts'

const INVALID_PARAMETER = '22023'

/** The columns of a joined provider: only what the model knows. */
export const PROVIDER_COLUMNS = [
  'provider.name',
  'provider.host',
  'provider.port',
  'provider.tls',
  'provider.ca_file',
  'provider.fingerprint',
  'provider.max_connections',
  'provider.copy_connections',
  'provider.login_name',
  'provider.cutover',
  'provider.refusal',
  'provider.forwards_client',
  'provider.reopens',
  'provider.after_refusal',
  'provider.window_from',
  'provider.window_until',
  'provider.window_zone',
  'provider.include',
  'provider.exclude',
  'provider.tested_at',
  'provider.test_failed',
] as const

export type ProviderRow = Omit<Selectable<ProviderTable>, 'id' | 'created_at'>

export function toProvider(row: ProviderRow): Provider {
  return {
    name: row.name,
    host: row.host,
    port: row.port,
    tls: row.tls as TlsMode,
    caFile: row.ca_file,
    fingerprint: row.fingerprint,
    maxConnections: row.max_connections,
    copyConnections: row.copy_connections,
    loginName: row.login_name as LoginName,
    cutover: row.cutover as Cutover,
    refusal: row.refusal,
    forwardsClient: row.forwards_client,
    reopens: row.reopens,
    afterRefusal: row.after_refusal as AfterRefusal,
    window: toWindow(row),
    include: row.include,
    exclude: row.exclude,
    lastTest: row.tested_at && { at: row.tested_at, failedStep: row.test_failed },
  }
}

function toWindow({ window_from: from, window_until: until, window_zone: zone }: ProviderRow): CopyWindow | null {
  return from === null || until === null || zone === null ? null : { from, until, zone }
}

export function providers(db: Kysely<DB>): Providers {
  const select = () => db.selectFrom('provider').select(PROVIDER_COLUMNS)
  return {
    async list() {
      return (await select().orderBy('name').execute()).map(toProvider)
    },
    async find(name) {
      const row = await select().where('name', '=', name).executeTakeFirst()
      return row === undefined ? null : toProvider(row)
    },
    async add(provider, by) {
      try {
        await db.transaction().execute(async (trx) => {
          await knowsZoneOf(provider, trx)
          await trx.insertInto('provider').values(toRow(provider)).execute()
          await record(trx, provider.name, { ...by, action: 'provider.add' })
        })
      } catch (error) {
        throw isUniqueViolation(error) ? new Refused('conflict', `provider ${provider.name} exists already`) : error
      }
    },
    set: (provider, by) =>
      db.transaction().execute(async (trx) => {
        await knowsZoneOf(provider, trx)
        const isThere = isAt(provider)
        await trx
          .updateTable('provider')
          .set({
            ...toRow(provider),
            tested_at: sql`case when ${isThere} then tested_at end`,
            test_failed: sql`case when ${isThere} then test_failed end`,
          })
          .where('name', '=', provider.name)
          .execute()
        await record(trx, provider.name, { ...by, action: 'provider.set' })
      }),
    async noteTest(tested, failedStep) {
      await db
        .updateTable('provider')
        .set({ tested_at: sql`now()`, test_failed: failedStep })
        .where('name', '=', tested.name)
        .where(isAt(tested))
        .execute()
    },
    async remove(name, by) {
      try {
        return await db.transaction().execute(async (trx) => {
          const { numDeletedRows } = await trx.deleteFrom('provider').where('name', '=', name).executeTakeFirstOrThrow()
          if (numDeletedRows > 0n) await record(trx, name, { ...by, action: 'provider.remove' })
          return numDeletedRows > 0n
        })
      } catch (error) {
        if (!isForeignKeyViolation(error)) throw error
        throw new Refused('conflict', `provider ${name} still has domains or migrations`)
      }
    },
  }
}

/** Whether the row is still the place that a test went to, reached in the same way. */
function isAt({ host, port, tls, caFile, fingerprint }: Provider): RawBuilder<SqlBool> {
  return sql`(host, port, tls) = (${host}, ${port}, ${tls}) and ca_file is not distinct from ${caFile}
    and fingerprint is not distinct from ${fingerprint}`
}

/** Asked here, because with an unknown zone nobody's turn could be found. @throws Refused */
async function knowsZoneOf({ window }: Provider, db: Kysely<DB>): Promise<void> {
  if (window === null) return
  try {
    await sql`select now() at time zone ${window.zone}`.execute(db)
  } catch (error) {
    if ((error as { code?: string }).code !== INVALID_PARAMETER) throw error
    throw new Refused(
      'conflict',
      `the database does not know the time zone ${window.zone}: give another name of it with the hours`,
    )
  }
}

function toRow(provider: Provider): Insertable<ProviderTable> {
  return {
    name: provider.name,
    host: provider.host,
    port: provider.port,
    tls: provider.tls,
    ca_file: provider.caFile,
    fingerprint: provider.fingerprint,
    max_connections: provider.maxConnections,
    copy_connections: provider.copyConnections,
    login_name: provider.loginName,
    cutover: provider.cutover,
    refusal: provider.refusal,
    forwards_client: provider.forwardsClient,
    reopens: provider.reopens,
    after_refusal: provider.afterRefusal,
    window_from: provider.window?.from ?? null,
    window_until: provider.window?.until ?? null,
    window_zone: provider.window?.zone ?? null,
    include: [...provider.include],
    exclude: [...provider.exclude],
  }
}

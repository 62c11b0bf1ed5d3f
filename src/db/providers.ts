import { type Insertable, type Kysely, type RawBuilder, type Selectable, type SqlBool, sql } from 'kysely'
import { endpointOf, endpointText } from '../model/endpoint.ts'
import type { Provider } from '../model/provider.ts'
import { PROVIDER_ROWS, type ProviderField, type ProviderSettings } from '../model/provider-fields.ts'
import { Refused } from '../model/refused.ts'
import type { Providers } from '../operations/ports.ts'
import { record } from './audit.ts'
import { isForeignKeyViolation, isUniqueViolation } from './connection/errors.ts'
import type { DB, Provider as ProviderTable } from './schema.ts'

const INVALID_PARAMETER = '22023'

export type ProviderRow = Omit<Selectable<ProviderTable>, 'id' | 'created_at'>

type Column = keyof ProviderRow

/** The columns of a joined provider: only what the model knows. */
export const PROVIDER_COLUMNS = [
  ...['name', 'refusal', 'tested_at', 'test_failed'],
  ...PROVIDER_ROWS.flatMap(([, row]) => columnsOf(row)),
].map((column) => `provider.${column as Column}` as const)

export function toProvider(row: ProviderRow): Provider {
  const settings = PROVIDER_ROWS.map(([key, field]) => {
    const values = columnsOf(field).map((column) => row[column as Column])
    return [key, field.fromColumns ? field.fromColumns(...values) : values[0]]
  })
  return {
    name: row.name,
    ...(Object.fromEntries(settings) as ProviderSettings),
    refusal: row.refusal,
    lastTest: row.tested_at && { at: row.tested_at, failedStep: row.test_failed },
  }
}

function columnsOf({ name, columns = [name] }: ProviderField<unknown>): readonly string[] {
  return columns
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
          const detail = endpointText(endpointOf(provider))
          await record(trx, provider.name, { ...by, action: 'provider.add', detail })
        })
      } catch (error) {
        throw isUniqueViolation(error) ? new Refused('conflict', `provider ${provider.name} exists already`) : error
      }
    },
    set: (provider, by, seen) =>
      db.transaction().execute(async (trx) => {
        await knowsZoneOf(provider, trx)
        const isThere = isAt(provider)
        const [row, named] = [toRow(provider), ['provider.name', '=', provider.name] as const]
        const [before = {}] = await trx
          .selectFrom('provider')
          .select(PROVIDER_COLUMNS)
          .where(...named)
          .forUpdate()
          .execute()
        if (seen !== undefined && changesIn(before, toRow(seen)) !== '') {
          throw new Refused('conflict', `${provider.name} was changed meanwhile: look at it, and try again`)
        }
        await trx
          .updateTable('provider')
          .set({
            ...row,
            tested_at: sql`case when ${isThere} then tested_at end`,
            test_failed: sql`case when ${isThere} then test_failed end`,
          })
          .where(...named)
          .execute()
        await record(trx, provider.name, { ...by, action: 'provider.set', detail: changesIn(before, row) })
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

/** Whether the row is still the server that was tested, reached in the same way. */
function isAt({ host, port, tls, tlsMin, caFile, fingerprint }: Provider): RawBuilder<SqlBool> {
  return sql`(host, port, tls, tls_min) = (${host}, ${port}, ${tls}, ${tlsMin}) and ca_file is not distinct from ${caFile}
    and fingerprint is not distinct from ${fingerprint}`
}

/** Asked here, because with an unknown zone no job could be claimed. @throws Refused */
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

/** What a change is about, as the columns have it. */
function changesIn(before: Partial<ProviderRow>, after: Insertable<ProviderTable>): string {
  const names = (Object.keys(after) as Column[]).filter((name) => textOf(before[name]) !== textOf(after[name]))
  return names.map((name) => `${name} ${textOf(before[name])} → ${textOf(after[name])}`).join(', ')
}

function textOf(value: unknown): string {
  return Array.isArray(value) ? value.join(' ') : String(value ?? '-')
}

function toRow(provider: Provider): Insertable<ProviderTable> {
  const settings = PROVIDER_ROWS.flatMap(([key, field]) => {
    const values = field.toColumns?.(provider[key]) ?? [provider[key]]
    return columnsOf(field).map((column, at) => [column, values[at]])
  })
  return { name: provider.name, refusal: provider.refusal, ...Object.fromEntries(settings) }
}

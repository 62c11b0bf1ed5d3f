import type { Kysely } from 'kysely'
import { Refusal } from '../model/refusal.ts'
import type { Domains } from '../policy/records.ts'
import { record } from './audit.ts'
import { isUniqueViolation } from './errors.ts'
import type { DB } from './schema.ts'

export function domains(db: Kysely<DB>): Domains {
  return {
    async list() {
      const rows = await db
        .selectFrom('domain')
        .innerJoin('provider', 'provider.id', 'domain.provider_id')
        .select(['domain.name', 'domain.new_domain', 'provider.name as provider'])
        .orderBy('domain.name')
        .execute()
      return rows.map(({ name, new_domain, provider }) => ({ name, newDomain: new_domain, provider }))
    },
    async add({ name, newDomain, provider }, by) {
      await refuseChain(db, name, newDomain)
      try {
        await db.transaction().execute(async (trx) => {
          const { numInsertedOrUpdatedRows } = await trx
            .insertInto('domain')
            .columns(['name', 'new_domain', 'provider_id'])
            .expression(({ selectFrom, val }) =>
              selectFrom('provider')
                .select([val(name).as('name'), val(newDomain).as('new_domain'), 'id'])
                .where('name', '=', provider),
            )
            .executeTakeFirstOrThrow()
          if (numInsertedOrUpdatedRows === 0n) throw new Refusal(`there is no provider ${provider}`)
          await record(trx, name, {
            ...by,
            action: 'domain.add',
            detail: `provider ${provider}, new domain ${newDomain}`,
          })
        })
      } catch (error) {
        throw isUniqueViolation(error) ? new Refusal(`domain ${name} exists already`) : error
      }
    },
    async remove(name, by) {
      const live = await db
        .selectFrom('migration')
        .select('id')
        .where('old_domain', '=', name)
        .where('state', '<>', 'done')
        .limit(1)
        .executeTakeFirst()
      if (live !== undefined) throw new Refusal(`domain ${name} still has unfinished migrations`)
      return await db.transaction().execute(async (trx) => {
        const { numDeletedRows } = await trx.deleteFrom('domain').where('name', '=', name).executeTakeFirstOrThrow()
        if (numDeletedRows > 0n) await record(trx, name, { ...by, action: 'domain.remove' })
        return numDeletedRows > 0n
      })
    },
  }
}

/** An address must not have to be renamed twice: it would be two people's. */
async function refuseChain(db: Kysely<DB>, name: string, newDomain: string): Promise<void> {
  if (name === newDomain) return
  const other = await db
    .selectFrom('domain')
    .select(['name', 'new_domain'])
    .whereRef('name', '<>', 'new_domain')
    .where(({ eb, or }) => or([eb('name', '=', newDomain), eb('new_domain', '=', name)]))
    .executeTakeFirst()
  if (other === undefined) return
  throw new Refusal(`${other.name} becomes ${other.new_domain} already: ${name} cannot become ${newDomain} as well`)
}

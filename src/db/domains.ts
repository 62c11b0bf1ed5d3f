import { type Kysely, sql } from 'kysely'
import { type Domain, objectionTo } from '../model/domain.ts'
import type { LoginName } from '../model/provider.ts'
import { Refused } from '../model/refused.ts'
import type { Domains } from '../operations/ports.ts'
import { record } from './audit.ts'
import type { DB } from './schema.ts'

/** @param home template of homes on the destination */
export function domains(db: Kysely<DB>, home: string): Domains {
  return {
    list: () => list(db),
    async add({ sharesNames, ...added }, by) {
      const { name, newDomain, provider } = added
      await db.transaction().execute(async (trx) => {
        // Two that are added at once see one another.
        await sql`lock table domain in share row exclusive mode`.execute(trx)
        const there = await list(trx)
        if (there.some((other) => other.name === name)) throw new Refused('conflict', `domain ${name} exists already`)
        const served = await trx
          .selectFrom('provider')
          .select(['id', 'login_name'])
          .where('name', '=', provider)
          .executeTakeFirstOrThrow(() => new Refused('conflict', `there is no provider ${provider}`))
        const loginName = served.login_name as LoginName
        const objection = objectionTo(added, there, { loginName, home, sharesNames })
        if (objection !== null) throw new Refused('conflict', objection)
        await trx.insertInto('domain').values({ name, new_domain: newDomain, provider_id: served.id }).execute()
        const detail = `provider ${provider}, new domain ${newDomain}${sharesNames ? ', shared names' : ''}`
        await record(trx, name, { ...by, action: 'domain.add', detail })
      })
    },
    async remove(name, by) {
      return await db.transaction().execute(async (trx) => {
        // Whoever arrives holds it as well.
        await trx.selectFrom('domain').select('name').where('name', '=', name).forUpdate().execute()
        const live = await trx
          .selectFrom('migration')
          .select('id')
          .where('old_domain', '=', name)
          .where('state', '<>', 'done')
          .limit(1)
          .executeTakeFirst()
        if (live !== undefined) throw new Refused('conflict', `domain ${name} still has unfinished migrations`)
        const { numDeletedRows } = await trx.deleteFrom('domain').where('name', '=', name).executeTakeFirstOrThrow()
        if (numDeletedRows > 0n) await record(trx, name, { ...by, action: 'domain.remove' })
        await trx.deleteFrom('collision').where('old_domain', '=', name).execute()
        return numDeletedRows > 0n
      })
    },
  }
}

async function list(db: Kysely<DB>): Promise<Domain[]> {
  const rows = await db
    .selectFrom('domain')
    .innerJoin('provider', 'provider.id', 'domain.provider_id')
    .select(['domain.name', 'domain.new_domain', 'provider.name as provider'])
    .orderBy('domain.name')
    .execute()
  return rows.map(({ name, new_domain, provider }) => ({ name, newDomain: new_domain, provider }))
}

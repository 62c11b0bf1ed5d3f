import { type Kysely, sql, type Transaction } from 'kysely'
import { type Domain, objectionTo, objectionToOpening } from '../model/domain.ts'
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
        await lockAll(trx)
        const all = await list(trx)
        const closed = all.find((other) => other.name === name)
        const there = all.filter((other) => other.name !== name)
        if (closed?.isClosed === false) throw new Refused('conflict', `domain ${name} exists already`)
        const served = await trx
          .selectFrom('provider')
          .select(['id', 'login_name'])
          .where('name', '=', provider)
          .executeTakeFirstOrThrow(() => new Refused('conflict', `there is no provider ${provider}`))
        const loginName = served.login_name as LoginName
        const objection =
          (closed && objectionToOpening(added, closed)) ?? objectionTo(added, there, { loginName, home, sharesNames })
        if (objection !== null) throw new Refused('conflict', objection)
        await put({ name, newDomain, providerId: served.id }, trx)
        const detail = `provider ${provider}, new domain ${newDomain}${sharesNames ? ', shared names' : ''}`
        await record(trx, name, { ...by, action: 'domain.add', detail: `${detail}${closed ? ', opened again' : ''}` })
      })
    },
    async remove(name, by) {
      return await db.transaction().execute(async (trx) => {
        await lockAll(trx)
        // Whoever arrives holds it as well.
        const row = trx.selectFrom('domain').select(['name', 'new_domain', 'is_closed']).where('name', '=', name)
        const there = await row.forUpdate().executeTakeFirst()
        if (there === undefined) return null
        const live = await trx
          .selectFrom('migration')
          .select('id')
          .where('old_domain', '=', name)
          .where('state', '<>', 'done')
          .limit(1)
          .executeTakeFirst()
        if (live !== undefined) throw new Refused('conflict', `domain ${name} still has unfinished migrations`)
        await trx.deleteFrom('collision').where('old_domain', '=', name).execute()
        if (!(await isNeeded(there, trx))) {
          await trx.deleteFrom('domain').where('name', '=', name).execute()
          await record(trx, name, { ...by, action: 'domain.remove' })
          return 'removed'
        }
        if (!there.is_closed) {
          await trx.updateTable('domain').set({ is_closed: true }).where('name', '=', name).execute()
          await record(trx, name, { ...by, action: 'domain.remove', detail: 'closed' })
        }
        return 'closed'
      })
    },
  }
}

/** Two that are changed at once see one another. */
async function lockAll(trx: Transaction<DB>): Promise<void> {
  await sql`lock table domain in share row exclusive mode`.execute(trx)
}

/** Adds it, or opens the closed one of that name. */
async function put(
  { name, newDomain, providerId }: { name: string; newDomain: string; providerId: number },
  db: Kysely<DB>,
): Promise<void> {
  const served = { provider_id: providerId, is_closed: false }
  await db
    .insertInto('domain')
    .values({ name, new_domain: newDomain, ...served })
    .onConflict((conflict) => conflict.column('name').doUpdateSet(served))
    .execute()
}

/** Whether somebody who came from the domain, or who is called by its name, is here. */
async function isNeeded(domain: { name: string; new_domain: string }, db: Kysely<DB>): Promise<boolean> {
  const { name, new_domain: newDomain } = domain
  const { rows } = await sql<{ is_needed: boolean }>`
    select exists (select from migration where old_domain = ${name}) or ${name} <> ${newDomain} and (
      exists (select from alias where split_part(address, '@', 2) = ${newDomain})
      or exists (select from account where split_part(address, '@', 2) = ${newDomain}
        and not exists (select from migration where account_id = account.id))
    ) as is_needed`.execute(db)
  return rows[0]?.is_needed ?? true
}

async function list(db: Kysely<DB>): Promise<Domain[]> {
  const rows = await db
    .selectFrom('domain')
    .innerJoin('provider', 'provider.id', 'domain.provider_id')
    .select(['domain.name', 'domain.new_domain', 'domain.is_closed', 'provider.name as provider'])
    .orderBy('domain.name')
    .execute()
  return rows.map(({ name, new_domain, is_closed, provider }) => {
    return { name, newDomain: new_domain, provider, isClosed: is_closed }
  })
}

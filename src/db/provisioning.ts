import { type Kysely, sql, type Transaction } from 'kysely'
import type { Newcomer, ProvenLogin, Provisioner } from '../auth/ports.ts'
import type { Sealed } from '../keys/ports.ts'
import type { Account } from '../model/account.ts'
import { PERSON } from '../model/audit.ts'
import { ACCOUNT_COLUMNS, toAccount } from './accounts.ts'
import { record } from './audit.ts'
import { isUniqueViolation } from './connection/errors.ts'
import { renewCredential, storeCredential } from './credentials.ts'
import type { DB } from './schema.ts'
import { makeDue } from './status.ts'

export function provisioner(db: Kysely<DB>): Provisioner {
  return {
    async provision(proven) {
      try {
        const provisioned = await db
          .transaction()
          .execute(async (trx) => (await create(proven, trx)) ?? (await renew(proven, trx)))
        if (provisioned === 'collision') await noteCollision(db, proven)
        return provisioned
      } catch (error) {
        if (!ONE_PERSONS.some((constraint) => isUniqueViolation(error, constraint))) throw error
        await noteCollision(db, proven)
        return 'collision'
      }
    },
    async confirmPassword(address, hash, seenHash) {
      // Held: a newer password that is being written is waited for, and makes this one doubtful.
      const { rows } = await sql`
        with held as (select id from account where address = ${address} and password_hash = ${seenHash} for share)
        update account_password set is_confirmed = true
          from held where account_id = held.id and account_password.password_hash = ${hash}
          returning account_password.id`.execute(db)
      return rows.length > 0
    },
    async dropPassword(address, hash) {
      await sql`delete from account_password
        where account_id = ${idOf(address)} and password_hash = ${hash}`.execute(db)
    },
    noteCollision: (newcomer) => noteCollision(db, newcomer),
  }
}

const idOf = (address: string) => sql`(select id from account where address = ${address})`

/** With the present one five: as many as one person has devices. Each costs a wrong guess a hash more. */
const EARLIER_KEPT = 4

/** What only one person can have: a home on the destination, and a mailbox at the source. */
const ONE_PERSONS = ['home_pkey', 'migration_mailbox']

async function noteCollision(
  db: Kysely<DB>,
  { address, home, provider, oldDomain, oldUsername }: Newcomer,
): Promise<void> {
  await sql`
    insert into collision (address, provider_id, old_domain, old_username, home)
      select ${address.text}, id, ${oldDomain}, ${oldUsername}, ${home} from provider where name = ${provider.name}
      on conflict (address, provider_id, old_username)
        do update set old_domain = excluded.old_domain, home = excluded.home, at = now()`.execute(db)
}

/** Account, migration and credential of a newcomer; null when the account exists. */
async function create(
  { passwordHash, sealed, ...newcomer }: ProvenLogin,
  trx: Transaction<DB>,
): Promise<Account | null> {
  if (passwordHash === null || sealed === null) return null
  const account = await trx
    .insertInto('account')
    .values({
      address: newcomer.address.text,
      password_hash: passwordHash,
      password_source: 'source',
      // What was copied already decides it.
      home: sql<string>`coalesce(
        (select home from migration where address = ${newcomer.address.text} and account_id is null), ${newcomer.home})`,
      quota_bytes: sql<string>`(
        select quota_bytes from migration where address = ${newcomer.address.text} and account_id is null)`,
    })
    .onConflict((conflict) => conflict.column('address').doNothing())
    .returning(['account.id', ...ACCOUNT_COLUMNS])
    .executeTakeFirst()
  if (account === undefined) return null
  await record(trx, newcomer.address.text, { ...PERSON, action: 'migration.provision' })
  const migration = await trx
    .insertInto('migration')
    .columns(['account_id', 'address', 'provider_id', 'old_domain', 'old_username', 'state', 'route'])
    .expression(({ selectFrom, val }) =>
      selectFrom('provider')
        // It is held: a domain is not closed or removed while its newcomers arrive.
        .innerJoin('domain', 'domain.provider_id', 'provider.id')
        .select([val(account.id).as('account_id'), val(account.address).as('address'), 'provider.id'])
        .select([val(newcomer.oldDomain).as('old_domain'), val(newcomer.oldUsername).as('old_username')])
        .select([val('pending').as('state'), val(routeOf(newcomer)).as('route')])
        .where('provider.name', '=', newcomer.provider.name)
        .where('domain.name', '=', newcomer.oldDomain)
        .where('is_closed', '=', false)
        .forShare('domain'),
    )
    .onConflict((conflict) => conflict.column('address').doNothing())
    .returning('id')
    .executeTakeFirst()
  if (migration === undefined) await takeOver(account.id, newcomer, sealed, trx)
  else await storeCredential(migration.id, sealed, trx)
  return toAccount(account)
}

function routeOf({ provider }: Pick<Newcomer, 'provider'>): 'source' | 'destination' {
  return provider.cutover === 'proxied' ? 'source' : 'destination'
}

/**
 * Gives the new account the migration that waited for it.
 * @throws when the person was not awaited as this one, or the domain is not served any more: to be asked again
 */
async function takeOver(accountId: string, newcomer: Newcomer, sealed: Sealed, trx: Transaction<DB>): Promise<void> {
  const { id } = await trx
    .selectFrom('migration')
    .innerJoin('provider', 'provider.id', 'migration.provider_id')
    .select('migration.id')
    .where('migration.address', '=', newcomer.address.text)
    .where('account_id', 'is', null)
    .where('old_username', '=', newcomer.oldUsername)
    .where('provider.name', '=', newcomer.provider.name)
    .where(({ eb, or }) => or([eb('state', '<>', 'done'), eb('provider.reopens', '=', true)]))
    .forUpdate('migration')
    .executeTakeFirstOrThrow(() => new Error('the awaited migration or the domain changed in the meantime'))
  // Before anything was copied the provider decides as it is set now.
  const route = sql<string>`case when coalesce(paused_from, state) = 'awaited' then ${routeOf(newcomer)} else route end`
  await trx.updateTable('migration').set({ account_id: accountId, home: null, route }).where('id', '=', id).execute()
  await renewCredential(id, sealed, trx)
  // Whose mail is here already may be flipped now.
  await makeDue(id, false, trx)
}

/**
 * A new password of a provisioned person; null when the source has no say about the account (any more), a collision when
 * it is another person's of the source.
 */
async function renew(proven: ProvenLogin, trx: Transaction<DB>): Promise<Account | 'collision' | 'changed' | null> {
  const found = await trx
    .selectFrom('account')
    .innerJoin('migration', 'migration.account_id', 'account.id')
    .innerJoin('provider', 'provider.id', 'migration.provider_id')
    .select(['account.id as account_id', 'migration.id', 'password_hash', ...ACCOUNT_COLUMNS])
    .where('account.address', '=', proven.address.text)
    .where('account.password_source', '=', 'source')
    .where(({ eb, or }) => or([eb('migration.state', '<>', 'done'), eb('provider.reopens', '=', true)]))
    .where('migration.old_username', '=', proven.oldUsername)
    .where('provider.name', '=', proven.provider.name)
    .forUpdate(['account', 'migration'])
    .executeTakeFirst()
  if (found === undefined) return (await isAnothers(proven, trx)) ? 'collision' : null
  if (proven.passwordHash !== null) {
    if (found.password_hash !== proven.seenHash) return 'changed'
    await addPassword(found.account_id, proven.passwordHash, trx)
  }
  const detail = proven.sealed === null ? {} : await renewCredential(found.id, proven.sealed, trx)
  await record(trx, proven.address.text, { ...PERSON, action: 'migration.renew', ...detail })
  return toAccount(found)
}

/**
 * Every password that was right before is doubtful from now on: it may be one that was given up because it was stolen.
 */
async function addPassword(accountId: string, hash: string, trx: Transaction<DB>): Promise<void> {
  await sql`update account_password set is_confirmed = false where account_id = ${accountId} and is_confirmed`.execute(
    trx,
  )
  await sql`insert into account_password (account_id, password_hash)
    select id, password_hash from account where id = ${accountId}`.execute(trx)
  await sql`delete from account_password where id in (
    select id from account_password where account_id = ${accountId} order by id desc offset ${EARLIER_KEPT})`.execute(
    trx,
  )
  const present = { password_hash: hash, password_changed_at: new Date() }
  await trx.updateTable('account').set(present).where('id', '=', accountId).execute()
}

async function isAnothers(proven: ProvenLogin, trx: Transaction<DB>): Promise<boolean> {
  const owner = await trx
    .selectFrom('migration')
    .innerJoin('provider', 'provider.id', 'migration.provider_id')
    .select(['provider.name', 'old_username'])
    .where('address', '=', proven.address.text)
    .executeTakeFirst()
  if (owner === undefined) return false
  return owner.name !== proven.provider.name || owner.old_username !== proven.oldUsername
}

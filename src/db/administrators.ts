import { type Kysely, type Selectable, sql, type UpdateObject } from 'kysely'
import { type Administrator, byAdministrator, type Role } from '../model/administrator.ts'
import type { Change } from '../model/audit.ts'
import { Refused } from '../model/refused.ts'
import type { Administrators, NewAdministrator } from '../operations/administrator-ports.ts'
import { record } from './audit.ts'
import { isUniqueViolation } from './connection/errors.ts'
import type { Administrator as AdministratorTable, DB } from './schema.ts'

export function administrators(db: Kysely<DB>): Administrators {
  const row = (name: string) => db.selectFrom('administrator').selectAll().where('name', '=', name).executeTakeFirst()
  return {
    async list() {
      return (await db.selectFrom('administrator').selectAll().orderBy('name').execute()).map(toAdministrator)
    },
    async find(name) {
      const found = await row(name)
      if (found === undefined) return null
      const { password_hash: passwordHash, totp_sealed: totpSealed, session_stamp: stamp } = found
      return { administrator: toAdministrator(found), passwordHash, totpSealed, stamp }
    },
    async session(name, stamp) {
      const found = await row(name)
      return found?.session_stamp === stamp ? toAdministrator(found) : null
    },
    add: (administrator, by) => add(db, administrator, { ...by, action: 'admin.add' }),
    remove: (name, by) =>
      db.transaction().execute(async (trx) => {
        await keepAnOwner(trx, name)
        const { numDeletedRows } = await trx
          .deleteFrom('administrator')
          .where('name', '=', name)
          .executeTakeFirstOrThrow()
        if (numDeletedRows > 0n) await record(trx, name, { ...by, action: 'admin.remove' })
        return numDeletedRows > 0n
      }),
    setPassword: (name, passwordHash, by) =>
      change(db, name, { password_hash: passwordHash }, { ...by, action: 'admin.passwd' }),
    setRole: (name, role, by) => setRole(db, name, role, { ...by, action: 'admin.role' }),
    setTotp(name, sealed, by, confirmedAt = null) {
      const to = { totp_sealed: sealed && Buffer.from(sealed), totp_last_step: confirmedAt }
      return change(db, name, to, { ...by, action: 'admin.totp', detail: sealed === null ? 'off' : 'on' })
    },
    endSessions: (name, by) => change(db, name, {}, { ...by, action: 'admin.end-sessions' }),
    useTotpStep: (name, step) => useTotpStep(db, name, step),
    async noteSignIn(name, client) {
      const detail = client === null ? {} : { detail: `from ${client}` }
      const why = { ...byAdministrator(name), action: 'admin.sign-in', ...detail }
      await db.transaction().execute((trx) => update(trx, name, { signed_in_at: new Date() }, why))
    },
  }
}

function toAdministrator(row: Selectable<AdministratorTable>): Administrator {
  return {
    name: row.name,
    role: row.role as Role,
    hasTotp: row.totp_sealed !== null,
    createdAt: row.created_at,
    signedInAt: row.signed_in_at,
  }
}

async function add(db: Kysely<DB>, { name, role, passwordHash, totpSealed }: NewAdministrator, why: Change) {
  const values = { name, role, password_hash: passwordHash, totp_sealed: totpSealed && Buffer.from(totpSealed) }
  try {
    await db.transaction().execute(async (trx) => {
      await trx.insertInto('administrator').values(values).execute()
      await record(trx, name, { ...why, detail: totpSealed === null ? role : `${role}, with TOTP` })
    })
  } catch (error) {
    throw isUniqueViolation(error) ? new Refused('conflict', `administrator ${name} exists already`) : error
  }
}

function setRole(db: Kysely<DB>, name: string, role: Role, why: Change): Promise<boolean> {
  return db.transaction().execute(async (trx) => {
    if (role !== 'owner') await keepAnOwner(trx, name)
    const before = await trx
      .selectFrom('administrator')
      .select('role')
      .where('name', '=', name)
      .forUpdate()
      .executeTakeFirst()
    return await update(trx, name, { role, ...NEW_STAMP }, { ...why, detail: `${before?.role} → ${role}` })
  })
}

/** Holds all owners until the transaction ends: two of them cannot take each other away at the same moment. */
async function keepAnOwner(trx: Kysely<DB>, name: string): Promise<void> {
  const owners = await trx
    .selectFrom('administrator')
    .select('name')
    .where('role', '=', 'owner')
    .orderBy('name')
    .forUpdate()
    .execute()
  if (owners.length > 1 || owners[0]?.name !== name) return
  throw new Refused('conflict', `${name} is the last owner: make somebody else an owner first`)
}

async function useTotpStep(db: Kysely<DB>, name: string, step: number): Promise<boolean> {
  const { numUpdatedRows } = await db
    .updateTable('administrator')
    .set({ totp_last_step: step })
    .where('name', '=', name)
    .where(({ eb, or }) => or([eb('totp_last_step', 'is', null), eb('totp_last_step', '<', String(step))]))
    .executeTakeFirstOrThrow()
  return numUpdatedRows > 0n
}

type Columns = UpdateObject<DB, 'administrator'>

const NEW_STAMP = { session_stamp: sql<string>`gen_random_uuid()` }

/** Whether there is such an administrator, who then is changed and signed out. */
function change(db: Kysely<DB>, name: string, to: Columns, why: Change): Promise<boolean> {
  return db.transaction().execute((trx) => update(trx, name, { ...to, ...NEW_STAMP }, why))
}

async function update(trx: Kysely<DB>, name: string, to: Columns, why: Change): Promise<boolean> {
  const { numUpdatedRows } = await trx
    .updateTable('administrator')
    .set(to)
    .where('name', '=', name)
    .executeTakeFirstOrThrow()
  if (numUpdatedRows > 0n) await record(trx, name, why)
  return numUpdatedRows > 0n
}

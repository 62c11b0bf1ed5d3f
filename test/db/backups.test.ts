import { gunzipSync, gzipSync } from 'node:zlib'
import pg from 'pg'
import t from 'tap'
import { checkBackup } from '../../src/db/backup/reader.ts'
import { backups } from '../../src/db/backups.ts'
import { openDatabase } from '../../src/db/connection/database.ts'
import { applyUpgrades, shippedUpgrades, type Upgrade } from '../../src/db/connection/upgrades.ts'
import { CLUSTER, newDatabase, openTestDatabase } from '../support/database.ts'
import { until } from '../support/until.ts'

const BY = { actor: 'cli:root', reason: 'a test' }
const VERSION = '1.2.3'
const NASTY = 'tab\there, line\nthere, \\. and \\N, “ü”, 🚢, \\'

const shipped = await shippedUpgrades()

/** A database with somebody in every state, and something in every table. */
const full = await openTestDatabase()
t.teardown(() => full[Symbol.asyncDispose]())
await full.pool.query(
  `insert into provider (name, host, port, tls, max_connections, login_name, cutover, include)
    values ('old', 'imap.old.example', 993, 'implicit', 4, '%u', 'immediate', array['INBOX', $1, 'a,"b"', 'null'])`,
  [NASTY],
)
await full.pool.query(`
  insert into domain (name, provider_id, new_domain) values ('old.example', 1, 'new.example');
  insert into account (address, password_hash, password_source, home, quota_bytes)
    select 'person' || n || '@new.example', 'hash ' || n, 'source', '/home/' || n, case when n > 3 then 9007199254740993 end
      from generate_series(1, 5) as n;
  insert into account_password (account_id, password_hash) select id, 'earlier ' || id from account;
  insert into migration (account_id, address, provider_id, old_domain, old_username, state, route)
    select id, address, 1, 'old.example', address, case when id = 5 then 'done' else 'pending' end, 'destination'
      from account;
  insert into migration (address, home, provider_id, old_domain, old_username, state, route)
    values ('awaited@new.example', '/home/awaited', 1, 'old.example', 'awaited', 'awaited', 'source');
  update migration set state = 'synced' where id = 2;
  insert into credential (migration_id, sealed, sealed_to) values (1, '\\x00ff5c2e0a', array['age1one']);
  insert into retired_recipient (recipient) values ('age1one');
  insert into attempt (migration_id, host) values (1, 'host');
  update job set seen = '[{"name": "A\\u00e4\\n", "uidNext": 12345678901234567890}]', completed_at = now() where migration_id = 2;
  update job set holder = gen_random_uuid(), leased_until = now() + interval '1 hour' where migration_id = 1;
  insert into ledger (migration_id, taken_at, seconds, fetched) values (2, '-infinity', 0.1, 7);
  insert into ledger_folder (migration_id, name, directory, state, messages, proved, extra, duplicated, counts, proved_uids, accepted_uids)
    values (2, 'INBOX', '', 'there', 1, 1, 0, 0, '{"missing": 0}', '1:5', '');
  insert into ledger_difference (migration_id, number, kind, folder, message_id, size, old, now)
    values (2, 1, 'missing', 'INBOX', '', 5, '', '');
  insert into administrator (name, role, password_hash, totp_sealed) values ('anna', 'owner', 'hash', '\\x01');
  insert into copying_host (id, host, folder) values ('here', 'host', '/state');
  insert into worker (id, copying_host_id, alive_until) values (gen_random_uuid(), 'here', now() + interval '1 minute');
  insert into instance (id, host, seals_to) values (gen_random_uuid(), 'host', array['age1two']);
  insert into visit (digest) values ('0123');
  insert into collision (address, provider_id, old_domain, old_username, home) values ('x@new.example', 1, 'old.example', 'x', '/x');
  insert into connection_share (provider_id, holder, use, held, wanted, leased_until)
    values (1, gen_random_uuid(), 'copying', 1, 1, now() + interval '1 minute');
  insert into failed_sign_in (key, points) values ('person:x', 30);
  insert into retention (what, days) values ('audit', 400)`)
await full.pool.query('insert into audit (actor, action, subject, detail) values ($1, $2, $3, $4)', [
  'cli:root',
  'account.add',
  'person1@new.example',
  NASTY,
])
const file = await backedUp(full)

/** The backup of a database, whole. */
async function backedUp(database: Parameters<typeof backups>[0]): Promise<Buffer> {
  const pieces: Uint8Array[] = []
  const sink = async (all: AsyncIterable<Uint8Array>) => {
    for await (const piece of all) pieces.push(piece)
  }
  const making = { outside: [], onRows: () => undefined, stop: new AbortController().signal }
  await backups(database, VERSION).write(making, sink)
  return Buffer.concat(pieces)
}

async function* inPieces(bytes: Buffer, length = 4096): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += length) yield bytes.subarray(at, at + length)
}

/** A database without anything, and what restores into it. */
async function emptyDatabase(upgrades: readonly Upgrade[] = shipped) {
  const place = await newDatabase()
  const database = await openDatabase({ databaseUrl: place.url, dataDir: CLUSTER }, Promise.resolve(upgrades))
  return {
    ...database,
    url: place.url,
    restore: (bytes: Buffer, length?: number) =>
      backups(database, VERSION).restore(inPieces(bytes, length), BY, () => undefined),
    async [Symbol.asyncDispose]() {
      await database[Symbol.asyncDispose]()
      await place[Symbol.asyncDispose]()
    },
  }
}

const TABLES = `select relname as name from pg_class where relnamespace = 'public'::regnamespace and relkind = 'r' order by 1`

/** Every row of every table, as text. */
async function contents(pool: pg.Pool): Promise<Record<string, string[]>> {
  const { rows } = await pool.query<{ name: string }>(TABLES)
  const all = rows.map(async ({ name }) => {
    const found = await pool.query(`select t::text as row from ${name} as t order by 1`)
    return [name, found.rows.map(({ row }) => row)] as const
  })
  return Object.fromEntries(await Promise.all(all))
}

/** A backup of which some text was changed. */
function altered(from: string | RegExp, to: string): Buffer {
  const text = gunzipSync(file).toString('latin1')
  const other = text.replace(from, to)
  if (other === text) throw new Error(`${from} is not in the backup`)
  return gzipSync(Buffer.from(other, 'latin1'))
}

t.test('everything comes back as it was, but for what only those who lived then had', async (t) => {
  await using target = await emptyDatabase()
  const { upgraded, tables } = await target.restore(file, 7)
  t.same(upgraded, [])
  t.same(
    tables.find(({ name }) => name === 'account'),
    { ...tables.find(({ name }) => name === 'account'), rows: 5 },
  )
  const [before, after] = [await contents(full.pool), await contents(target.pool)]
  const { job, attempt, administrator, audit, upgrade, ...same } = before
  for (const gone of ['worker', 'instance', 'connection_share', 'failed_sign_in']) {
    t.ok((same[gone] ?? []).length > 0, `${gone} had something`)
    t.same(after[gone], [], `${gone} is empty`)
    delete same[gone]
  }
  for (const [table, rows] of Object.entries(same)) {
    t.same(after[table], rows, `${rows.length} rows of ${table}`)
  }
  t.equal(after.upgrade?.length, upgrade?.length)
  const { rows: jobs } = await target.pool.query(
    'select holder, leased_until, seen::text from job order by migration_id',
  )
  t.match(jobs[0], { holder: null, leased_until: null })
  t.match(jobs[1].seen, '12345678901234567890', 'a number that JavaScript cannot hold')
  t.match((await target.pool.query('select outcome from attempt')).rows, [{ outcome: 'lost-lock' }])
  const stamp = 'select session_stamp from administrator'
  t.not((await target.pool.query(stamp)).rows[0].session_stamp, (await full.pool.query(stamp)).rows[0].session_stamp)
  t.same(after.audit?.slice(0, 1), audit, 'what was in the audit')
  const { rows: restored } = await target.pool.query(
    `select actor, reason, detail from audit where action = 'database.restore'`,
  )
  t.match(restored, [{ actor: 'cli:root', reason: 'a test', detail: /^as it was at 20/ }])
})

t.test('afterwards triggers work again, and no number is given twice', async (t) => {
  await using target = await emptyDatabase()
  await target.restore(file)
  const client = new pg.Client(target.url)
  await client.connect()
  const notices: string[] = []
  client.on('notification', ({ payload = '' }) => notices.push(payload))
  await client.query('listen postferry_forget')
  await client.query(`update account set password_hash = 'other' where address = 'person1@new.example'`)
  await until(() => notices.includes('person1@new.example'), 'caches are told')
  const { rows } = await client.query(`
    insert into migration (address, home, provider_id, old_domain, old_username, state, route)
      values ('next@new.example', '/home/next', 1, 'old.example', 'next', 'pending', 'destination') returning id`)
  t.ok(Number(rows[0].id) > 1_000_000, 'a copying host knows the number of nobody who came after the backup')
  const job = `select from job where migration_id = ${rows[0].id} and due_at <= now()`
  t.equal((await client.query(job)).rowCount, 1, 'who comes is queued')
  t.equal((await client.query(`select from home where path = '/home/next'`)).rowCount, 1)
  const sealed = `insert into credential (migration_id, sealed, sealed_to) values (2, '', array['age1one'])`
  await t.rejects(client.query(sealed), { code: 'MF001' }, 'keys stay retired')
  await client.end()
})

t.test('a backup holds one moment, whatever is written meanwhile', async (t) => {
  await using target = await emptyDatabase()
  const lock = new pg.Client(full.url)
  await lock.connect()
  await lock.query('begin; lock table administrator in access exclusive mode')
  const making = backedUp(full)
  const waiting = `select from pg_locks join pg_database on pg_database.oid = database
    where datname = current_database() and not granted`
  await until(async () => (await full.pool.query(waiting)).rowCount === 1, 'the backup waits')
  await full.pool.query(`insert into visit (digest) values ('later')`)
  await lock.query('rollback')
  await lock.end()
  await target.restore(await making)
  t.same((await target.pool.query('select digest from visit')).rows, [{ digest: '0123' }])
  await full.pool.query(`delete from visit where digest = 'later'`)
})

/** Whether the same comes out of it. */
function isSame(bytes: Buffer): boolean {
  try {
    return gunzipSync(bytes).equals(gunzipSync(file))
  } catch {
    return false
  }
}

t.test('a file that is cut off or altered is refused, wherever that is, and changes nothing', async (t) => {
  t.match(await checkBackup(inPieces(file)), { tables: { length: /^\d+$/ } })
  // The first ten bytes say when and where it was packed.
  for (let at = 10; at < file.length; at += Math.ceil(file.length / 80)) {
    await t.rejects(checkBackup(inPieces(file.subarray(0, at))), { code: 'invalid', message: /ends too soon/ }, `${at}`)
    const flipped = Buffer.from(file)
    flipped[at] = (flipped[at] ?? 0) ^ 0x10
    // Where a block ends, gzip has bits that mean nothing.
    if (isSame(flipped)) continue
    await t.rejects(checkBackup(inPieces(flipped)), { code: 'invalid' }, `altered at ${at}`)
  }
  for (const [from, to, message] of [
    ['hash 3', 'hash 4', /table account was altered/],
    ['"postferry":"1.2.3"', '"postferry":"1.2.4"', /its header was altered/],
    [/\n[^\n]*person3@new.example\thash[^\n]*\n/, '\n', /table account(_password)? (was altered|cannot be read)/],
    [/$/, 'more\n', /something follows its end/],
    [/\{"header[^\n]*\n$/, '', /ends too soon/],
  ] as const) {
    const bytes = altered(from, to)
    await t.rejects(checkBackup(inPieces(bytes)), { code: 'invalid', message }, `${from}`)
    await using target = await emptyDatabase()
    await t.rejects(target.restore(bytes), { code: 'invalid', message }, `${from}, when it is restored at once`)
    t.same((await target.pool.query(TABLES)).rows, [], 'nothing was changed')
  }
  await t.rejects(checkBackup(inPieces(Buffer.from('address\nanna@old.example\n'))), { message: /this is no backup/ })
  await t.rejects(checkBackup(inPieces(gzipSync('{"format":"other"}\n'))), { message: /this is no backup/ })
})

t.test('what does not fit into its table is refused as damaged, and changes nothing', async (t) => {
  await using target = await emptyDatabase()
  await t.rejects(target.restore(altered('993\timplicit', 'port\timplicit')), {
    code: 'invalid',
    message: /table provider cannot be read.*Nothing was changed/,
  })
  t.same((await target.pool.query(TABLES)).rows, [])
})

t.test('only an empty database is filled: nothing in it, or the schema that "serve" made', async (t) => {
  await using started = await emptyDatabase()
  await started.ready()
  await started.pool.query(`insert into instance (id, host, seals_to) values (gen_random_uuid(), 'host', '{}')`)
  await started.restore(file)
  t.same((await started.pool.query('select from instance')).rowCount, 0)
  t.same((await started.pool.query('select from account')).rowCount, 5)
  await t.rejects(started.restore(file), { code: 'conflict', message: /not empty, table \w+ has rows/ })
  t.same((await started.pool.query('select from account')).rowCount, 5)

  await using foreign = await emptyDatabase()
  await foreign.pool.query('create table stranger (id integer)')
  await t.rejects(foreign.restore(file), { code: 'conflict', message: /not empty, stranger is in it/ })
  t.same((await foreign.pool.query(TABLES)).rows, [{ name: 'stranger' }])
})

t.test('an older backup is upgraded, and one of a newer or another program is refused', async (t) => {
  const older = shipped.slice(0, 25)
  await using source = await emptyDatabase(older)
  await source.ready()
  await source.pool.query(`
    insert into provider (name, host, port, tls, max_connections, login_name, cutover)
      values ('old', 'h', 993, 'implicit', 4, '%u', 'immediate');
    insert into account (address, password_hash, password_source, home) values ('anna@new.example', 'h', 'old', '/anna');
    insert into migration (account_id, address, provider_id, old_domain, old_username, state, route)
      values (1, 'anna@new.example', 1, 'old.example', 'anna', 'pending', 'new')`)
  const old = await backedUp(source)
  await using target = await emptyDatabase()
  const { upgraded } = await target.restore(old)
  t.same(
    upgraded,
    shipped.slice(25).map(({ name }) => name),
  )
  await target.ready()
  t.same((await target.pool.query('select route from migration')).rows, [{ route: 'destination' }])

  await using behind = await emptyDatabase(older)
  await t.rejects(behind.restore(file), { code: 'invalid', message: /does not know: use a newer postferry/ })
  await using schemaOnly = await emptyDatabase()
  await schemaOnly.ready()
  t.same((await schemaOnly.restore(old)).upgraded, upgraded, 'an empty schema gives way to that of the backup')
  t.same((await schemaOnly.pool.query('select route from migration')).rows, [{ route: 'destination' }])
  await using edited = await emptyDatabase(shipped.map((one, index) => (index === 3 ? { ...one, sha256: 'x' } : one)))
  await t.rejects(edited.restore(file), {
    code: 'invalid',
    message: /restore it with the postferry that made it \(1.2.3\)/,
  })
})

t.test('a database without anything is not backed up', async (t) => {
  await using empty = await emptyDatabase()
  await t.rejects(backedUp(empty), { code: 'invalid', message: /nothing to back up/ })
})

t.test('upgrades wait for a backup, and sign-ins wait for neither', async (t) => {
  const client = new pg.Client(full.url)
  await client.connect()
  const lock = new pg.Client(full.url)
  await lock.connect()
  await lock.query('begin; lock table administrator in access exclusive mode')
  const making = backedUp(full)
  await until(async () => (await full.pool.query(`select from pg_locks where not granted`)).rowCount !== 0, 'it waits')
  let isDone = false
  const upgrading = applyUpgrades(client, shipped).finally(() => (isDone = true))
  await full.pool.query('update account set enabled = true')
  t.notOk(isDone)
  await lock.query('rollback')
  await making
  await upgrading
  await Promise.all([client.end(), lock.end()])
})

t.end()

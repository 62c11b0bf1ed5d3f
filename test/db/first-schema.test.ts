import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import pg from 'pg'
import t from 'tap'
import { openDatabase } from '../../src/db/connection/database.ts'
import { applyUpgrades, shippedUpgrades } from '../../src/db/connection/upgrades.ts'
import { migrations } from '../../src/db/migrations.ts'
import { userdb } from '../../src/db/userdb.ts'
import { CLUSTER, newDatabase } from '../support/database.ts'

const HELD = readFileSync(join(import.meta.dirname, 'first-schema.sql'), 'utf8')

/** What later upgrades added to a provider: copy_connections, reopens, after_refusal. */
const UNSET = [null, false, 'admit']

t.test('a database of the first schema comes through all upgrades with everybody who was in it', async (t) => {
  await using place = await newDatabase()
  const client = new pg.Client(place.url)
  await client.connect()
  await using _leaving = { [Symbol.asyncDispose]: () => client.end() }
  const shipped = await shippedUpgrades()
  await applyUpgrades(client, shipped.slice(0, 1))
  await client.query(HELD)
  await applyUpgrades(client, shipped)
  const rows = async (text: string) => (await client.query({ text, rowMode: 'array' })).rows

  t.same(
    await rows(`select name, host, port, tls, ca_file, left(fingerprint, 4), max_connections, login_name, cutover, include,
      exclude, copy_connections, reopens, after_refusal from provider order by id`),
    [
      [
        'old',
        'imap.old.example',
        993,
        'implicit',
        '/etc/ssl/old.pem',
        null,
        8,
        '%u',
        'immediate',
        [],
        ['Spam'],
        ...UNSET,
      ],
      ['older', 'imap.older.example', 143, 'starttls', null, '0f0f', 1, '%n', 'immediate', ['INBOX'], [], ...UNSET],
    ],
  )
  t.same(await rows('select name, provider_id, new_domain from domain order by name'), [
    ['old.example', 1, 'new.example'],
    ['older.example', 2, 'older.example'],
  ])
  t.same(
    await rows(`select address, password_hash = '{ARGON2ID}hash of ' || address and home = '/var/vmail/' || address
        and created_at = '2026-01-01Z' and password_changed_at = '2026-01-02Z', password_source, quota_bytes, enabled
      from account order by id`),
    [
      ['anna@new.example', true, 'source', null, true],
      ['ben@new.example', true, 'source', '5000000000', true],
      ['cleo@new.example', true, 'destination', null, true],
      ['dora@older.example', true, 'source', null, false],
      ['emil@older.example', true, 'destination', null, true],
      ['fay@new.example', true, 'destination', null, true],
    ],
  )
  t.same(
    await rows(`select migration.address, migration.address = account.address, provider_id, old_domain, old_username, state,
        paused_from, code, extract(day from changed_at)::int
      from migration join account on account.id = account_id order by migration.id`),
    [
      ['anna@new.example', true, 1, 'old.example', 'anna@old.example', 'pending', null, null, 1],
      ['ben@new.example', true, 1, 'old.example', 'ben@old.example', 'synced', null, null, 5],
      ['cleo@new.example', true, 1, 'old.example', 'cleo@old.example', 'paused', 'synced', null, 6],
      ['dora@older.example', true, 2, 'older.example', 'dora', 'failed', null, 'credential-refused', 7],
      ['emil@older.example', true, 2, 'older.example', 'emil', 'done', null, null, 8],
    ],
  )
  t.same(await rows('select distinct route from migration'), [['destination']], 'nobody was ever sent back')
  t.same(
    await rows(`select migration_id, encode(sealed, 'hex'), sealed_at = '2026-01-01Z', sealed_to, opened_at from credential
      order by 1`),
    [1, 2, 3, 4].map((id) => [`${id}`, `0000000${id}`, true, null, null]),
  )
  t.same(
    await rows(`select migration_id, due_at < 'infinity', provider_id, holder, completed_at from job order by 1`),
    [
      ['1', true, 1, null, null],
      ['2', true, 1, null, null],
      ['3', false, 1, null, null],
      ['4', false, 2, null, null],
      ['5', false, 2, null, null],
    ],
    'who is to be copied is due',
  )
  t.same(
    await rows(`select migration_id, from_state, to_state from migration_transition order by migration_id, at`),
    [
      ['1', null, 'pending'],
      ['2', null, 'pending'],
      ['2', 'pending', 'synced'],
      ['3', null, 'pending'],
      ['3', 'pending', 'paused'],
      ['4', null, 'pending'],
      ['4', 'pending', 'failed'],
      ['5', null, 'pending'],
      ['5', 'pending', 'done'],
    ],
    'the history that is known',
  )
  t.same(
    await rows(`select count(*)::int, bool_and(home.path = account.home) from home join account using (address)`),
    [[6, true]],
    'homes are kept for who has them',
  )

  // And today's program takes it from there.
  await using database = await openDatabase({ databaseUrl: place.url, dataDir: CLUSTER })
  await database.ready()
  t.match(await migrations(database.kysely).find('ben@new.example' as never), { state: 'synced', provider: 'old' })
  t.match(await userdb(database).accountOf('anna@new.example' as never), {
    account: { address: 'anna@new.example', home: '/var/vmail/anna@new.example', enabled: true },
    passwordSource: 'source',
    isLive: true,
  })
})

import { Kysely, PostgresDialect } from 'kysely'
import pg from 'pg'
import t from 'tap'
import { collisions } from '../../src/db/collisions.ts'
import { applyUpgrades, shippedUpgrades } from '../../src/db/connection/upgrades.ts'
import type { DB } from '../../src/db/schema.ts'
import { newDatabase } from '../support/database.ts'

t.test('who shared a home or a mailbox before goes on as they are, and is told; nobody joins them', async (t) => {
  await using database = await newDatabase()
  const pool = new pg.Pool({ connectionString: database.url })
  // Its end does not wait for its connections', which hear that the server stops.
  pool.on('error', () => undefined)
  const client = await pool.connect()
  try {
    const shipped = await shippedUpgrades()
    await applyUpgrades(
      client as unknown as pg.Client,
      shipped.filter(({ name }) => name < '0012'),
    )
    await client.query(`
      insert into provider (name, host, port, tls, max_connections, login_name, cutover)
        values ('old', 'h', 993, 'implicit', 4, '%n', 'immediate');
      insert into account (address, password_hash, password_source, home)
        select 'anna@' || d || '.example', 'h', 'old', '/home/anna' from unnest(array['a', 'b', 'c']) as d;
      insert into migration (account_id, address, provider_id, old_domain, old_username, state, route)
        select id, address, 1, 'old.example', 'anna', case address when 'anna@c.example' then 'done' else 'pending' end, 'new'
        from account order by id`)
    await applyUpgrades(client as unknown as pg.Client, shipped)
    const db = new Kysely<DB>({ dialect: new PostgresDialect({ pool }) })
    t.same(await collisions(db).shared(), [
      { what: 'home', name: '/home/anna', addresses: ['anna@a.example', 'anna@b.example', 'anna@c.example'] },
      { what: 'mailbox', name: 'anna', addresses: ['anna@a.example', 'anna@b.example'] },
    ])
    const another = (address: string, home: string) =>
      client.query(
        `insert into account (address, password_hash, password_source, home) values ($1, 'h', 'source', $2)`,
        [...[address, home]],
      )
    await t.rejects(another('anna@d.example', '/home/anna'), { code: '23505', constraint: 'home_pkey' })
    await another('anna@d.example', '/home/anna-d')
    const mailbox = `insert into migration (account_id, address, provider_id, old_domain, old_username, state, route)
      select id, address, 1, 'old.example', 'anna', 'pending', 'destination' from account where address = 'anna@d.example'`
    await t.rejects(client.query(mailbox), { code: '23505', constraint: 'migration_mailbox' })
    await client.query(`update account set home = '/home/apart' where address = 'anna@a.example'`)
    await t.rejects(
      another('anna@e.example', '/home/apart'),
      { code: '23505', constraint: 'home_pkey' },
      'what is moved is kept, too',
    )
    await client.query(`update account set home = '/home/further' where address = 'anna@a.example'`)
    await another('anna@e.example', '/home/apart')
  } finally {
    client.release()
    await pool.end()
  }
})

t.end()

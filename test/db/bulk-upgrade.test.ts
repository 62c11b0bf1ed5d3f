import pg from 'pg'
import t from 'tap'
import { applyUpgrades, shippedUpgrades } from '../../src/db/connection/upgrades.ts'
import { newDatabase } from '../support/database.ts'

t.test(
  'people of the time before keep their migrations, under their addresses, with the states that are known',
  async (t) => {
    await using database = await newDatabase()
    const client = new pg.Client(database.url)
    await client.connect()
    try {
      const shipped = await shippedUpgrades()
      await applyUpgrades(
        client,
        shipped.filter(({ name }) => name < '0003'),
      )
      await client.query(`
      insert into provider (name, host, port, tls, max_connections, login_name, cutover)
        values ('old', 'h', 993, 'implicit', 4, '%u', 'immediate');
      insert into account (address, password_hash, password_source, home)
        select p || '@old.example', 'h', 'old', '/home/' || p from unnest(array['anna', 'bert']) as p;
      insert into migration (account_id, provider_id, old_domain, old_username, state, route, created_at, changed_at)
        select account.id, 1, 'old.example', address, case address when 'anna@old.example' then 'synced' else 'pending' end,
          'new', '2026-01-01Z', '2026-01-03Z' from account;
      insert into credential (migration_id, sealed) select id, 'x' from migration`)
      await applyUpgrades(client, shipped)
      const { rows } =
        await client.query(`select address, from_state, to_state, at at time zone 'UTC' = '2026-01-01' as first
      from migration_transition join migration on migration.id = migration_id order by address, at`)
      t.same(rows, [
        { address: 'anna@old.example', from_state: null, to_state: 'pending', first: true },
        { address: 'anna@old.example', from_state: 'pending', to_state: 'synced', first: false },
        { address: 'bert@old.example', from_state: null, to_state: 'pending', first: true },
      ])
      await client.query(`update account set address = 'anne@old.example' where address = 'anna@old.example'`)
      await client.query(`delete from account where address = 'bert@old.example'`)
      t.same((await client.query('select address from migration')).rows, [{ address: 'anne@old.example' }])
      const nowhere = `insert into migration (address, provider_id, old_domain, old_username, state, route)
      values ('x@old.example', 1, 'old.example', 'x', 'pending', 'destination')`
      await t.rejects(client.query(nowhere), { code: '23514' }, 'without a home nothing can be copied')
    } finally {
      await client.end()
    }
  },
)

import pg from 'pg'
import t from 'tap'
import { applyUpgrades, shippedUpgrades } from '../../src/db/connection/upgrades.ts'
import { newDatabase } from '../support/database.ts'

t.test('people of a provider that was to be cut over later go to the new server at once, as they did', async (t) => {
  await using database = await newDatabase()
  const client = new pg.Client(database.url)
  await client.connect()
  try {
    const shipped = await shippedUpgrades()
    await applyUpgrades(
      client,
      shipped.filter(({ name }) => name < '0017'),
    )
    await client.query(`
      insert into provider (name, host, port, tls, max_connections, login_name, cutover)
        values ('old', 'h', 993, 'implicit', 4, '%u', 'proxied');
      insert into account (address, password_hash, password_source, home) values ('anna@old.example', 'h', 'old', '/anna');
      insert into migration (account_id, address, provider_id, old_domain, old_username, state, route)
        select id, address, 1, 'old.example', address, 'pending', 'old' from account`)
    await applyUpgrades(client, shipped)
    t.same((await client.query('select cutover from provider')).rows, [{ cutover: 'immediate' }])
    t.same((await client.query('select route from migration')).rows, [{ route: 'destination' }])
  } finally {
    await client.end()
  }
})

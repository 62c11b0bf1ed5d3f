import pg from 'pg'
import t from 'tap'
import { applyUpgrades, shippedUpgrades } from '../../src/db/connection/upgrades.ts'
import { newDatabase } from '../support/database.ts'

t.test('what the old addresses mean of people whose domain was removed before is known again', async (t) => {
  await using database = await newDatabase()
  const client = new pg.Client({ connectionString: database.url })
  await client.connect()
  try {
    const shipped = await shippedUpgrades()
    await applyUpgrades(
      client,
      shipped.filter(({ name }) => name < '0054'),
    )
    await client.query(`
      insert into provider (name, host, port, tls, max_connections, login_name, cutover)
        values ('old', 'h', 993, 'implicit', 4, '%u', 'immediate'), ('other', 'h', 993, 'implicit', 4, '%u', 'immediate');
      insert into domain (name, new_domain, provider_id)
        select old, new, id from provider join (values ('there.example', 'there.example', 'old'),
          ('next.example', 'later.example', 'old')) as one (old, new, provider) on one.provider = provider.name;
      insert into account (address, password_hash, password_source, home)
        select address, 'h', 'source', '/home/' || address from unnest(array['anna@there.example', 'bert@new.example',
          'carl@new.example', 'dora@same.example', 'emil@next.example', 'fay@b.example', 'gus@c.example']) as address;
      insert into migration (account_id, address, provider_id, old_domain, old_username, state, route)
        select account.id, address, provider.id, old_domain, address, 'done', 'destination'
          from (values ('anna', 'there.example', 'old'), ('bert', 'gone.example', 'other'), ('carl', 'gone.example', 'other'),
            ('dora', 'same.example', 'old'), ('emil', 'first.example', 'old'),
            ('fay', 'a.example', 'old'), ('gus', 'b.example', 'old')) as one (local, old_domain, provider)
            join account on split_part(address, '@', 1) = local join provider on provider.name = one.provider`)
    await applyUpgrades(client, shipped)
    const { rows } = await client.query(`
      select domain.name || ' ' || new_domain || ' ' || provider.name || ' ' || is_closed as domain
        from domain join provider on provider.id = provider_id order by 1`)
    t.same(
      rows.map(({ domain }) => domain),
      [
        'gone.example new.example other true',
        // a.example became b.example, and that c.example; first.example became next.example, which becomes later.example by now: nobody's address changes twice.
        'next.example later.example old false',
        'same.example same.example old true',
        'there.example there.example old false',
      ],
    )
  } finally {
    await client.end()
  }
})

t.end()

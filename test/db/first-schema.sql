-- What a database of the first schema (sql/0001_first_ferry.sql) held. Frozen: the people in it are upgraded for ever.

insert into provider (name, host, port, tls, ca_file, fingerprint, max_connections, login_name, cutover, include, exclude)
  values
    ('old', 'imap.old.example', 993, 'implicit', '/etc/ssl/old.pem', null, 8, '%u', 'immediate', '{}', '{Spam}'),
    ('older', 'imap.older.example', 143, 'starttls', null, repeat('0f', 32), 1, '%n', 'proxied', '{INBOX}', '{}');
insert into domain (name, provider_id, new_domain)
  values ('old.example', 1, 'new.example'), ('older.example', 2, 'older.example');
insert into account (address, password_hash, password_source, home, quota_bytes, enabled, created_at, password_changed_at)
  select address, '{ARGON2ID}hash of ' || address, password_source, '/var/vmail/' || address, quota_bytes, enabled,
      '2026-01-01Z', '2026-01-02Z'
    from (values
      ('anna@new.example', 'old', null, true),
      ('ben@new.example', 'old', 5000000000, true),
      ('cleo@new.example', 'new', null, true),
      ('dora@older.example', 'old', null, false),
      ('emil@older.example', 'new', null, true),
      ('fay@new.example', 'new', null, true)
    ) as person (address, password_source, quota_bytes, enabled);
insert into migration (account_id, provider_id, old_domain, old_username, state, paused_from, code, route, created_at, changed_at)
  values
    (1, 1, 'old.example', 'anna@old.example', 'pending', null, null, 'new', '2026-01-01Z', '2026-01-01Z'),
    (2, 1, 'old.example', 'ben@old.example', 'synced', null, null, 'new', '2026-01-01Z', '2026-01-05Z'),
    (3, 1, 'old.example', 'cleo@old.example', 'paused', 'synced', null, 'new', '2026-01-01Z', '2026-01-06Z'),
    (4, 2, 'older.example', 'dora', 'failed', null, 'credential-refused', 'old', '2026-01-01Z', '2026-01-07Z'),
    (5, 2, 'older.example', 'emil', 'done', null, null, 'new', '2026-01-01Z', '2026-01-08Z');
insert into credential (migration_id, sealed, sealed_at)
  select n, decode(lpad(to_hex(n), 8, '0'), 'hex'), '2026-01-01Z' from generate_series(1, 4) as n;

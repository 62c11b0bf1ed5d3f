-- How a provider refuses, whom it is told about, failed sign-ins that all instances count, and what caches must forget.

alter table provider
  -- The text of the NO that refuses a password, as `provider test` learned it.
  add column refusal text,
  -- Whether OLD is told the client's address (IMAP ID x-originating-ip).
  add column forwards_client boolean not null default false;

-- Failed sign-ins by person, client network and provider, as rate-limiter-flexible keeps them. Unlogged: a flood of
-- guesses costs no write-ahead log, and a crash may forget ten minutes of them.
create unlogged table failed_sign_in (
  key text primary key,
  points integer not null default 0,
  -- Milliseconds since 1970; null: never.
  expire bigint
);
create index failed_sign_in_expire on failed_sign_in (expire);

-- What a remembered sign-in rests on has changed: the payload is the account's address, or empty for all accounts.
create function forget_account() returns trigger language plpgsql as $$
begin
  perform pg_notify('mailferry_forget', old.address);
  return null;
end $$;
create trigger account_changed after update of address, password_hash, password_source, home, quota_bytes, enabled
  on account for each row when (
    (old.address, old.password_hash, old.password_source, old.home, old.quota_bytes, old.enabled)
    is distinct from (new.address, new.password_hash, new.password_source, new.home, new.quota_bytes, new.enabled)
  ) execute function forget_account();
create trigger account_removed after delete on account for each row execute function forget_account();

create function forget_migration() returns trigger language plpgsql as $$
begin
  perform pg_notify('mailferry_forget', address) from account where id = old.account_id;
  return null;
end $$;
create trigger migration_changed after update of state, route on migration for each row
  when (old.route is distinct from new.route or (old.state = 'done') is distinct from (new.state = 'done'))
  execute function forget_migration();

create function forget_all() returns trigger language plpgsql as $$
begin
  perform pg_notify('mailferry_forget', '');
  return null;
end $$;
create trigger domain_changed after insert or update or delete on domain
  for each statement execute function forget_all();
create trigger provider_changed after update on provider for each statement execute function forget_all();

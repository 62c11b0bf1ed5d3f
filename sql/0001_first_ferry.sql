-- Providers, domains, accounts, migrations and sealed credentials.

create table provider (
  id integer primary key generated always as identity,
  name text not null unique,
  host text not null,
  port integer not null check (port between 1 and 65535),
  tls text not null check (tls in ('implicit', 'starttls', 'none')),
  ca_file text,
  fingerprint text check (fingerprint ~ '^[0-9a-f]{64}$'),
  max_connections integer not null check (max_connections >= 1),
  login_name text not null check (login_name in ('%u', '%n')),
  cutover text not null check (cutover in ('immediate', 'proxied')),
  include text[] not null default '{}',
  exclude text[] not null default '{}',
  created_at timestamptz not null default now()
);

-- A mail domain on OLD, with the domain that its addresses get on NEW (the same, or another).
create table domain (
  name text primary key,
  provider_id integer not null references provider,
  new_domain text not null,
  created_at timestamptz not null default now()
);
create index domain_provider on domain (provider_id);
create index domain_new_domain on domain (new_domain);

-- A login identity on NEW. The address is canonical: there is one row per person.
create table account (
  id bigint primary key generated always as identity,
  address text not null unique,
  password_hash text not null,
  -- Whose word the password is: once it was set on NEW, OLD is not asked any more.
  password_source text not null check (password_source in ('old', 'new')),
  home text not null,
  quota_bytes bigint check (quota_bytes > 0),
  enabled boolean not null default true,
  created_at timestamptz not null default now(),
  password_changed_at timestamptz not null default now()
);

create table migration (
  id bigint primary key generated always as identity,
  account_id bigint not null unique references account on delete cascade,
  provider_id integer not null references provider,
  old_domain text not null,
  old_username text not null,
  state text not null check (state in ('awaited', 'pending', 'synced', 'paused', 'failed', 'done')),
  -- Where a paused migration goes back to.
  paused_from text check (paused_from in ('awaited', 'pending', 'synced', 'failed')),
  -- Why a failed migration failed.
  code text,
  route text not null check (route in ('old', 'new')),
  created_at timestamptz not null default now(),
  changed_at timestamptz not null default now(),
  check ((state = 'paused') = (paused_from is not null))
);
create index migration_provider on migration (provider_id, id);
create index migration_state on migration (state, id);
create index migration_old_domain on migration (old_domain);

-- What opens the account on OLD, sealed with age to the copying host's key.
create table credential (
  migration_id bigint primary key references migration on delete cascade,
  sealed bytea not null,
  sealed_at timestamptz not null default now()
);

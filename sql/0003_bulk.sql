-- People who are awaited, who changed what, how states went, and which key opens a credential.

alter table provider
  -- Whether the next sign-in of a person whose migration is finished opens it again.
  add column reopens boolean not null default false;

-- A migration may be there before its account, so it carries the address itself; where both are there, they agree.
alter table account add unique (id, address);
alter table migration
  add column address text,
  -- Where mail is copied to while there is no account yet; the account takes it over.
  add column home text,
  alter column account_id drop not null;
update migration set address = account.address from account where account.id = account_id;
alter table migration
  alter column address set not null,
  add unique (address),
  drop constraint migration_account_id_fkey,
  add foreign key (account_id, address) references account (id, address) on update cascade on delete cascade,
  add check (account_id is not null or home is not null or state in ('awaited', 'done')
    or coalesce(paused_from = 'awaited', false));
create index migration_code on migration (code) where code is not null;

-- Who changed what, and why; written in one transaction with the change.
create table audit (
  id bigint primary key generated always as identity,
  at timestamptz not null default now(),
  -- `person` (a sign-in), or a door and a name: `cli:root`.
  actor text not null,
  action text not null,
  -- An address, or the name of a provider, a domain, a host or a key.
  subject text not null,
  reason text,
  detail text
);
create index audit_subject on audit (subject, id);
create index audit_at on audit (at);

-- Every state that a migration was in; reports count them by day.
create table migration_step (
  migration_id bigint not null references migration on delete cascade,
  at timestamptz not null default now(),
  from_state text,
  to_state text not null,
  code text
);
create index migration_step_migration on migration_step (migration_id);
create index migration_step_at on migration_step (at);
-- What is known of the time before.
insert into migration_step (migration_id, at, to_state) select id, created_at, 'pending' from migration;
insert into migration_step (migration_id, at, from_state, to_state, code)
  select id, changed_at, 'pending', state, code from migration where state <> 'pending';

create function keep_migration_step() returns trigger language plpgsql as $$
begin
  insert into migration_step (migration_id, from_state, to_state, code)
    values (new.id, case tg_op when 'UPDATE' then old.state end, new.state, new.code);
  return null;
end $$;
create trigger migration_made after insert on migration for each row execute function keep_migration_step();
create trigger migration_stepped after update of state on migration for each row
  when (old.state is distinct from new.state) execute function keep_migration_step();

alter table credential
  -- The age recipients that it is sealed to, by their first 16 characters; null: nobody wrote it down.
  add column sealed_to text[],
  -- When it was last handed out, and to whom.
  add column opened_at timestamptz,
  add column opened_by text;
-- Handing out rewrites the row: with room beside it, no index has to follow.
alter table credential set (fillfactor = 70);

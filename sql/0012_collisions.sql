-- One address, one mailbox of OLD and one home are one person's; and what OLD's no means for a person who is across.

-- Whom OLD let in, and who could not be taken in: somebody else has the address, the mailbox or the home.
create table collision (
  address text not null,
  provider_id integer not null references provider on delete cascade,
  old_domain text not null,
  old_username text not null,
  home text not null,
  -- The last time.
  at timestamptz not null default now(),
  primary key (address, provider_id, old_username)
);
create index collision_at on collision (at);

-- Whose each home is, whether there is an account already or mail is copied ahead of it.
create table home (
  path text primary key,
  address text not null
);
insert into home (path, address)
  select home, address from account order by id on conflict do nothing;
insert into home (path, address)
  select home, address from migration where home is not null order by id on conflict do nothing;

create function keep_home() returns trigger language plpgsql as $$
begin
  if tg_op <> 'INSERT' then
    delete from home where path = old.home and home.address = old.address
      and not exists (select from account where account.address = old.address and account.home = old.home)
      and not exists (select from migration where migration.address = old.address and migration.home = old.home);
  end if;
  if tg_op <> 'DELETE' then
    insert into home (path, address) select new.home, new.address where new.home is not null
      and not exists (select from home where path = new.home and home.address = new.address);
  end if;
  return null;
end $$;
-- At the end of a transaction: an import and the first sign-in of one of its people wait for one another in one order.
create constraint trigger account_home after insert or delete or update of home, address on account
  deferrable initially deferred for each row execute function keep_home();
create constraint trigger migration_home_made after insert on migration
  deferrable initially deferred for each row when (new.home is not null) execute function keep_home();
create constraint trigger migration_home_changed after update of home, address on migration
  deferrable initially deferred for each row when (old.home is distinct from new.home or old.address <> new.address)
  execute function keep_home();
create constraint trigger migration_home_removed after delete on migration
  deferrable initially deferred for each row when (old.home is not null) execute function keep_home();

alter table migration
  -- Another unfinished migration had the same mailbox of OLD before that was refused.
  add column is_double boolean not null default false;
update migration set is_double = true
  from migration as other
  where other.provider_id = migration.provider_id and other.old_username = migration.old_username
    and other.state <> 'done' and migration.state <> 'done' and other.id < migration.id;
create unique index migration_mailbox on migration (provider_id, old_username) where state <> 'done' and not is_double;

alter table provider
  -- What becomes of somebody whose password was right here and is refused there: `admit` or `refuse`.
  add column after_refusal text not null default 'admit' check (after_refusal in ('admit', 'refuse'));

-- Whoever lacks a credential is to be asked for it again: no sign-in of theirs is remembered.
drop trigger migration_changed on migration;
create trigger migration_changed after update of state, route, code on migration for each row when (
  old.route is distinct from new.route or (old.state = 'done') is distinct from (new.state = 'done')
  or (coalesce(old.code, '') in ('credential-refused', 'credential-unopened'))
    <> (coalesce(new.code, '') in ('credential-refused', 'credential-unopened'))
) execute function forget_migration();

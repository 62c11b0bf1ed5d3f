-- Migrations that are to be finished by `mailferry sync`, what was asked while a turn was running, and lists page by page.

alter table migration
  -- Since when somebody wants it finished after a last attempt with a clean ledger; null: nobody does.
  add column closing_since timestamptz,
  add check (closing_since is null or state in ('pending', 'synced', 'failed'));

alter table turn
  -- When it was taken the last time: a turn does not answer what was asked later.
  add column taken_at timestamptz;

-- Steps and turns follow a statement and not each of its rows, for a hundred thousand migrations may step at once. What
-- joins the rows is planned each time, whether they are one or many.
drop trigger migration_made on migration;
drop trigger migration_added on migration;
drop trigger migration_stepped on migration;
drop trigger migration_moved on migration;
drop function keep_migration_step, give_turn;

create function follow_made_migrations() returns trigger language plpgsql as $$
begin
  insert into migration_step (migration_id, to_state, code) select id, state, code from made;
  insert into turn (migration_id, due_at)
    select id, case when state in ('pending', 'synced') then now() else 'infinity' end from made;
  return null;
end $$;
create trigger migration_made after insert on migration referencing new table as made
  for each statement execute function follow_made_migrations();

-- Resumed, retried or healed: its turn is now. Paused, failed or done: never.
create function follow_stepped_migrations() returns trigger language plpgsql as $$
begin
  execute $query$
    with stepped as (
      select id, before.state as from_state, later.state as to_state, later.code from later join before using (id)
        where before.state <> later.state
    ), kept as (
      insert into migration_step (migration_id, from_state, to_state, code)
        select id, from_state, to_state, code from stepped
    )
    update turn set due_at = case when to_state in ('pending', 'synced') then now() else 'infinity' end,
        failures = 0, quiet = 0
      from stepped
      where migration_id = id and (from_state in ('pending', 'synced')) <> (to_state in ('pending', 'synced'))
  $query$;
  return null;
end $$;
create trigger migration_stepped after update on migration referencing old table as before new table as later
  for each statement execute function follow_stepped_migrations();

-- A page of the migrations is read along one of these, from any place and in either direction: what they are filtered or
-- sorted by first, then the address. By their creation they are sorted by number; a search reads along any of them.
drop index migration_provider, migration_state, migration_old_domain, migration_code;
create index migration_provider on migration (provider_id, address);
create index migration_state on migration (state, address);
create index migration_old_domain on migration (old_domain, address);
create index migration_code on migration ((coalesce(code, '')), address);
create index migration_changed on migration (changed_at, address);
create index migration_closing on migration (address) where closing_since is not null;

-- Pages of the audit are read by number, those of somebody's changes or of one kind along these.
create index audit_actor on audit (actor, id);
create index audit_action on audit (action, id);

-- What copying has done and will do: recorded attempts, and when each migration's next turn is.

-- One run of a copying engine for one migration. Without an outcome it is at work, or its worker died.
create table attempt (
  id bigint primary key generated always as identity,
  migration_id bigint not null references migration on delete cascade,
  host text not null,
  started_at timestamptz not null default now(),
  ended_at timestamptz,
  -- A stable word: `complete`, or why not.
  outcome text,
  -- Mailboxes gone through, messages copied.
  folders integer not null default 0,
  messages integer not null default 0,
  -- The engine's last lines, without secrets.
  output text not null default '',
  check ((ended_at is null) = (outcome is null))
);
create index attempt_migration on attempt (migration_id, id);

-- Every migration has one row here, whatever its state.
create table turn (
  migration_id bigint primary key references migration on delete cascade,
  -- When it is to be looked at next; never while it is in a state in which no mail is copied.
  due_at timestamptz not null default 'infinity',
  -- Which copying state (the folder of OfflineIMAP's metadata) it belongs to; null: copied nowhere yet.
  place text,
  -- The lease: whose the live attempt is, and until when unless renewed.
  holder uuid,
  leased_until timestamptz,
  -- Failures in a row, and looks in a row that found nothing new.
  failures integer not null default 0,
  quiet integer not null default 0,
  -- OLD's mailboxes as they were before the last complete attempt, and when that ended.
  seen jsonb,
  completed_at timestamptz,
  check ((holder is null) = (leased_until is null))
);
create index turn_due on turn (due_at) where due_at < 'infinity';
create index turn_leased on turn (leased_until) where holder is not null;

insert into turn (migration_id, due_at)
  select id, case when state in ('pending', 'synced') then now() else 'infinity' end from migration;

-- Captured, resumed, retried or healed: its turn is now. Paused, failed or done: never.
create function give_turn() returns trigger language plpgsql as $$
begin
  insert into turn (migration_id, due_at)
    values (new.id, case when new.state in ('pending', 'synced') then now() else 'infinity' end)
    on conflict (migration_id) do update set due_at = excluded.due_at, failures = 0, quiet = 0;
  return null;
end $$;
create trigger migration_added after insert on migration for each row execute function give_turn();
create trigger migration_moved after update of state on migration for each row
  when ((old.state in ('pending', 'synced')) is distinct from (new.state in ('pending', 'synced')))
  execute function give_turn();

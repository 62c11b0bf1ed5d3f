-- Turns that are found and taken at a small cost, however many people are due.

alter table turn
  -- The migration's, which never changes: so that one index tells who of a provider's people is due next.
  add column provider_id integer;
update turn set provider_id = migration.provider_id from migration where migration.id = migration_id;
alter table turn alter column provider_id set not null;
drop index turn_due, turn_leased;
create index turn_due on turn (provider_id, due_at) where due_at < 'infinity';
create index turn_leased on turn (provider_id) where holder is not null;

create or replace function follow_made_migrations() returns trigger language plpgsql as $$
begin
  insert into migration_step (migration_id, to_state, code) select id, state, code from made;
  insert into turn (migration_id, provider_id, due_at)
    select id, provider_id, case when state in ('pending', 'synced') then now() else 'infinity' end from made;
  return null;
end $$;

-- What follows is one expression each, so that PostgreSQL puts it into the statement and finds the index for it.

create function is_free(turn turn) returns boolean language sql stable as $$
  select turn.leased_until is null or turn.leased_until < now()
$$;

-- Whether mail of the provider's people is copied at a moment, by the clocks of its zone, summer time included.
create function is_open(provider provider, moment timestamptz) returns boolean language sql stable as $$
  select provider.window_from is null or case
    when provider.window_from < provider.window_until
      then (moment at time zone provider.window_zone)::time >= provider.window_from::time
        and (moment at time zone provider.window_zone)::time < provider.window_until::time
    else (moment at time zone provider.window_zone)::time >= provider.window_from::time
      or (moment at time zone provider.window_zone)::time < provider.window_until::time end
$$;

-- Whether a worker with its copying state at this place may take the turn, apart from its lease. Early: at any hour.
create function is_for(turn turn, provider provider, place text, adopts boolean, early boolean, until timestamptz)
returns boolean language sql stable as $$
  select (early or turn.due_at <= until and is_open(provider, now()))
    and (adopts or turn.place is null or turn.place = place)
$$;

-- Leases a turn to a worker, and tells what it has to know; no row: it is not to be had, or its provider has no room. A
-- provider's turns are counted by one at a time, so that no two take the last place: each statement in here sees what was
-- committed before it.
create function take_turn(
  wanted bigint, worker uuid, worker_host text, worker_place text, adopts boolean, early boolean, lease interval
) returns table (
  address text, home text, state text, is_closing boolean, provider jsonb, sealed bytea, failures integer, quiet integer,
  seen jsonb, completed_at timestamptz, has_copied boolean, overruled text
) language plpgsql as $$
#variable_conflict use_column
declare
  seat record;
begin
  select turn.place, provider.id as provider_id, max_connections into seat
    from turn join migration on migration.id = turn.migration_id join provider on provider.id = turn.provider_id
    where turn.migration_id = wanted and migration.state in ('pending', 'synced') and is_free(turn)
      and is_for(turn, provider, worker_place, adopts, early, now())
    for update of turn skip locked;
  if not found then return; end if;
  -- "mfpr"
  perform pg_advisory_xact_lock(x'6d667072'::int, seat.provider_id);
  if seat.max_connections <= (
    select count(*) from turn where provider_id = seat.provider_id and holder is not null and not is_free(turn)
  ) then return; end if;
  -- Whoever is taken early is due now too, so that what is asked from here on shows.
  update turn set holder = worker, leased_until = now() + lease, place = worker_place,
      taken_at = clock_timestamp(), due_at = least(due_at, now())
    where migration_id = wanted;
  update credential set opened_at = now(), opened_by = 'sync on ' || worker_host where migration_id = wanted;
  -- The attempt of a worker that died.
  update attempt set ended_at = now(), outcome = 'lost-lock' where migration_id = wanted and ended_at is null;
  return query select migration.address, coalesce(account.home, migration.home), migration.state,
      migration.closing_since is not null, to_jsonb(provider), credential.sealed, turn.failures, turn.quiet,
      turn.seen, turn.completed_at,
      turn.completed_at is not null or exists (
        select from attempt where attempt.migration_id = wanted and attempt.messages > 0),
      -- Who adopts knows that the copying state is elsewhere, and who says "retry" knows what stopped the migration.
      case when seat.place <> worker_place then 'state-lost' else (
        select nullif(outcome, 'complete') from attempt where attempt.migration_id = wanted
          and outcome in ('complete', 'old-recreated', 'old-shrunk', 'state-lost')
          order by attempt.id desc limit 1) end
    from turn join migration on migration.id = turn.migration_id join provider on provider.id = turn.provider_id
      left join account on account.id = migration.account_id left join credential using (migration_id)
    where turn.migration_id = wanted;
end $$;

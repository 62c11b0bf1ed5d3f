-- One budget of connections to each old server, for everybody who goes there.

alter table provider
  -- How many of the connections copying may have; null: as many as are not kept for sign-ins.
  add column copy_connections integer check (copy_connections >= 1);

-- What each process holds of a provider's connections. It ends with its lease, so that a process that died gives back.
create table connection_share (
  provider_id integer not null references provider on delete cascade,
  holder uuid not null,
  -- What for: who signs in or waits for an answer comes before copying.
  use text not null check (use in ('sign-in', 'copying')),
  -- So many connections the process has, or may open at any moment.
  held integer not null,
  -- So many it has use for.
  wanted integer not null,
  -- When it last got one.
  served_at timestamptz,
  leased_until timestamptz not null,
  primary key (provider_id, holder, use)
) with (fillfactor = 50);

-- So many connections copying may have at a time. The last quarter, one at least, is for sign-ins; an only one is shared.
create function copying_limit(provider provider) returns integer language sql immutable as $$
  select least(coalesce(provider.copy_connections, provider.max_connections),
    greatest(1, provider.max_connections - greatest(1, ceil(provider.max_connections / 4.0)::int)))
$$;

-- A process says how many connections it keeps and how many it wants; it is told how many it may have from now on, how many
-- of those in use it has to end, because there are too many or sign-ins have none, and how many there are for all. Where it
-- may have fewer than it keeps, it opens no more, and asks again when it has fewer. No row: there is no such provider. Each
-- statement in here sees what was committed before the lock was had.
create function share_connections(
  provider_name text, me uuid, my_use text, keep integer, want integer, lease interval
) returns table (may integer, excess integer, most integer) language plpgsql as $$
declare
  seats record;
  others record;
  pool integer;
  mine integer;
begin
  select id, max_connections as most, copying_limit(provider) as copying into seats
    from provider where name = provider_name;
  if not found then return; end if;
  -- "mfpr"
  perform pg_advisory_xact_lock(x'6d667072'::int, seats.id);
  delete from connection_share
    where provider_id = seats.id and (leased_until < clock_timestamp()
      or keep + want = 0 and holder = me and use = my_use);
  if keep + want = 0 then return query select 0, 0, seats.most; return; end if;
  insert into connection_share as share (provider_id, holder, use, held, wanted, leased_until)
    values (seats.id, me, my_use, keep, greatest(keep, want), clock_timestamp() + lease)
    on conflict (provider_id, holder, use) do update
      set held = excluded.held, wanted = excluded.wanted, leased_until = excluded.leased_until;
  select coalesce(sum(held), 0)::int as held,
      coalesce(sum(held) filter (where use = 'copying'), 0)::int as copying,
      coalesce(bool_or(use = 'sign-in' and wanted > held), false) as sign_ins_wait
    into others from connection_share where provider_id = seats.id;
  pool := case when my_use = 'sign-in' then seats.most - others.copying
    when others.sign_ins_wait then 0 else seats.copying end;
  -- By turns, one at a time, the first to whoever has waited longest for one.
  select count(*)::int into mine from (
    select holder from connection_share as share
        cross join lateral generate_series(1, least(share.wanted, pool)) as round
      where provider_id = seats.id and use = my_use
      order by round, served_at nulls first, holder limit greatest(0, pool)
  ) as dealt where holder = me;
  mine := greatest(0, least(mine, want, seats.most - others.held + keep,
    case when my_use = 'copying' then seats.copying - others.copying + keep end));
  update connection_share
    set held = greatest(keep, mine), served_at = case when mine > keep then clock_timestamp() else served_at end
    where provider_id = seats.id and holder = me and use = my_use;
  return query select mine, case when my_use = 'copying'
    then greatest(0, others.copying - seats.most + others.sign_ins_wait::int) else 0 end, seats.most;
end $$;

-- Leases a turn to a worker, and tells what it has to know; no row: it is not to be had. The connection to the old server
-- that it takes is the worker's to have, before.
create or replace function take_turn(
  wanted bigint, worker uuid, worker_host text, worker_place text, adopts boolean, early boolean, lease interval
) returns table (
  address text, home text, state text, is_closing boolean, provider jsonb, sealed bytea, failures integer, quiet integer,
  seen jsonb, completed_at timestamptz, has_copied boolean, overruled text
) language plpgsql as $$
#variable_conflict use_column
declare
  found_at text;
begin
  select turn.place into found_at
    from turn join migration on migration.id = turn.migration_id join provider on provider.id = turn.provider_id
    where turn.migration_id = wanted and migration.state in ('pending', 'synced') and is_free(turn)
      and is_for(turn, provider, worker_place, adopts, early, now())
    for update of turn skip locked;
  if not found then return; end if;
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
      case when found_at <> worker_place then 'state-lost' else (
        select nullif(outcome, 'complete') from attempt where attempt.migration_id = wanted
          and outcome in ('complete', 'old-recreated', 'old-shrunk', 'state-lost')
          order by attempt.id desc limit 1) end
    from turn join migration on migration.id = turn.migration_id join provider on provider.id = turn.provider_id
      left join account on account.id = migration.account_id left join credential using (migration_id)
    where turn.migration_id = wanted;
end $$;

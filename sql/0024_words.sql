-- Tables and columns are named by the words of the glossary: job, copying host, transition, finish requested.

alter table turn rename to job;
alter table job rename column place to copying_host_id;
alter table job rename column quiet to unchanged_runs;
alter table job rename column taken_at to claimed_at;
alter table job rename column is_released to is_for_any_host;
alter table job rename constraint turn_pkey to job_pkey;
alter table job rename constraint turn_migration_id_fkey to job_migration_id_fkey;
alter table job rename constraint turn_check to job_check;
alter index turn_due rename to job_due;
alter index turn_leased rename to job_leased;
alter index turn_place rename to job_copying_host;

alter table place rename to copying_host;
alter table copying_host rename constraint place_pkey to copying_host_pkey;
alter index place_folder rename to copying_host_folder;

alter table worker rename column place to copying_host_id;
alter index worker_place rename to worker_copying_host;

alter table migration rename column closing_since to finish_requested_at;
alter index migration_closing rename to migration_finish_requested;
update audit set action = 'migration.request-finish' where action = 'migration.close';

alter table migration_step rename to migration_transition;
alter table migration_transition
  rename constraint migration_step_migration_id_fkey to migration_transition_migration_id_fkey;
alter index migration_step_migration rename to migration_transition_migration;
alter index migration_step_at rename to migration_transition_at;

-- The functions that name them.

create or replace function follow_made_migrations() returns trigger language plpgsql as $$
begin
  insert into migration_transition (migration_id, to_state, code) select id, state, code from made;
  insert into job (migration_id, provider_id, due_at)
    select id, provider_id, case when state in ('pending', 'synced') then now() else 'infinity' end from made;
  return null;
end $$;

-- Resumed, retried or healed: its job is due now. Paused, failed or done: never.
drop trigger migration_stepped on migration;
drop function follow_stepped_migrations;
create function follow_changed_migrations() returns trigger language plpgsql as $$
begin
  execute $query$
    with changed as (
      select id, before.state as from_state, later.state as to_state, later.code from later join before using (id)
        where before.state <> later.state
    ), kept as (
      insert into migration_transition (migration_id, from_state, to_state, code)
        select id, from_state, to_state, code from changed
    )
    update job set due_at = case when to_state in ('pending', 'synced') then now() else 'infinity' end,
        failures = 0, unchanged_runs = 0
      from changed
      where migration_id = id and (from_state in ('pending', 'synced')) <> (to_state in ('pending', 'synced'))
  $query$;
  return null;
end $$;
create trigger migration_state_changed after update on migration referencing old table as before new table as later
  for each statement execute function follow_changed_migrations();

drop trigger turn_placed on job;
drop function bind_turn;

drop function take_turn, is_for, is_free, is_served, is_abandoned;

create function is_free(job job) returns boolean language sql stable as $$
  select job.leased_until is null or job.leased_until < now()
$$;

-- Whether a worker runs with this copying state now.
create function is_served(copying_host_id text) returns boolean language sql stable as $$
  select exists (
    select from worker where worker.copying_host_id = is_served.copying_host_id and alive_until > now()
  )
$$;

-- Between two runs of cron no worker runs: a copying state counts as lost only when none has run for long.
create function is_abandoned(copying_host_id text) returns boolean language sql stable as $$
  select not exists (
    select from copying_host where id = is_abandoned.copying_host_id and seen_at > now() - interval '1 hour'
  )
$$;

-- Whether a worker of this copying host may claim the job, apart from its lease. Early: at any hour. Takes over: also
-- jobs of copying hosts where no worker runs.
create function is_for(
  job job, provider provider, copying_host_id text, takes_over boolean, early boolean, until timestamptz
) returns boolean language sql stable as $$
  select (early or job.due_at <= until and is_open(provider, now()))
    and (job.copying_host_id is null or job.copying_host_id = is_for.copying_host_id or job.is_for_any_host
      or takes_over and not is_served(job.copying_host_id))
$$;

-- Leases a job to a worker, and returns what the worker has to know; no row: it is not available. The worker has its
-- connection to the old server already.
create function claim_job(
  wanted bigint, worker uuid, worker_host text, copying_host_id text, takes_over boolean, early boolean, lease interval
) returns table (
  address text, home text, state text, is_finish_requested boolean, provider jsonb, sealed bytea, failures integer,
  unchanged_runs integer, seen jsonb, completed_at timestamptz, has_copied boolean, overruled text
) language plpgsql as $$
#variable_conflict use_column
declare
  former_host text;
begin
  select job.copying_host_id into former_host
    from job join migration on migration.id = job.migration_id join provider on provider.id = job.provider_id
    where job.migration_id = wanted and migration.state in ('pending', 'synced') and is_free(job)
      and is_for(job, provider, claim_job.copying_host_id, takes_over, early, now())
    for update of job skip locked;
  if not found then return; end if;
  -- A job that is claimed early is due now too, so that later requests can be told from it.
  update job set holder = worker, leased_until = now() + lease, copying_host_id = claim_job.copying_host_id,
      is_for_any_host = false, claimed_at = clock_timestamp(), due_at = least(due_at, now())
    where migration_id = wanted;
  update credential set opened_at = now(), opened_by = 'sync on ' || worker_host where migration_id = wanted;
  -- The attempt of a worker that died.
  update attempt set ended_at = now(), outcome = 'lost-lock' where migration_id = wanted and ended_at is null;
  return query select migration.address, coalesce(account.home, migration.home), migration.state,
      migration.finish_requested_at is not null, to_jsonb(provider), credential.sealed, job.failures,
      job.unchanged_runs, job.seen, job.completed_at,
      job.completed_at is not null or exists (
        select from attempt where attempt.migration_id = wanted and attempt.messages > 0),
      -- Who takes over knows that the copying state is elsewhere, and who retries knows what stopped the migration.
      case when former_host <> claim_job.copying_host_id then 'state-lost' else (
        select nullif(outcome, 'complete') from attempt where attempt.migration_id = wanted
          and outcome in ('complete', 'old-recreated', 'old-shrunk', 'state-lost')
          order by attempt.id desc limit 1) end
    from job join migration on migration.id = job.migration_id join provider on provider.id = job.provider_id
      left join account on account.id = migration.account_id left join credential using (migration_id)
    where job.migration_id = wanted;
end $$;

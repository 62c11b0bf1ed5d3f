-- The table of jobs is the only queue: a worker picks the provider whose connections are used least, and claims its next
-- job.

drop schema if exists graphile_worker cascade;

-- Each run of a job rewrites its row, and each renewal of its lease does beside it.
alter table job set (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02);
drop index job_due, job_copying_host;
create index job_due on job (provider_id, copying_host_id, due_at) where due_at < 'infinity';
create index job_for_any_host on job (provider_id, due_at) where is_for_any_host and due_at < 'infinity';

-- The jobs of a provider that a worker of a copying host may claim, those that have waited longest; so few of each kind.
-- As is_for has it, but each kind along an index: due_at < 'infinity' is said for the planner.
create function due_jobs(provider_id integer, copying_host_id text, takes_over boolean, until timestamptz, few integer)
returns setof job language sql stable as $$
  (select * from job
    where job.provider_id = due_jobs.provider_id and job.copying_host_id = due_jobs.copying_host_id
      and due_at < 'infinity' and due_at <= until and is_free(job)
    order by due_at limit few)
  union all
  (select * from job
    where job.provider_id = due_jobs.provider_id and job.copying_host_id is null
      and due_at < 'infinity' and due_at <= until and is_free(job)
    -- Without the first column the planner would sort what the index has in order.
    order by copying_host_id, due_at limit few)
  union all
  (select * from job
    where job.provider_id = due_jobs.provider_id and job.copying_host_id <> due_jobs.copying_host_id
      and is_for_any_host and due_at < 'infinity' and due_at <= until and is_free(job)
    order by due_at limit few)
  union all
  select theirs.* from copying_host as other cross join lateral (
    select * from job
      where job.provider_id = due_jobs.provider_id and job.copying_host_id = other.id
        and not is_for_any_host and due_at < 'infinity' and due_at <= until and is_free(job)
      order by due_at limit few
  ) as theirs
    where takes_over and other.id <> due_jobs.copying_host_id and not is_served(other.id)
$$;

-- Providers with jobs that a worker of a copying host may claim now and with connections to spare: first that of whose
-- connections the smallest share is used for copying, then that whose job has waited longest.
create function next_providers(copying_host_id text, takes_over boolean, until timestamptz)
returns table (name text) language plpgsql stable set plan_cache_mode = force_generic_plan as $$
begin
  return query select provider.name from provider
      cross join lateral (
        select count(*) as leases from job where job.provider_id = provider.id and holder is not null and not is_free(job)
      ) as busy
      cross join lateral (
        select min(due_at) as due_at from due_jobs(
          provider.id, next_providers.copying_host_id, takes_over, next_providers.until, 1
        )
      ) as next
    where is_open(provider, now()) and leases < copying_limit(provider) and next.due_at is not null
    order by leases::float / copying_limit(provider), next.due_at limit 8;
end $$;

drop function claim_job;

-- Leases a job to a worker, and returns what the worker has to know: the wanted one, or the provider's next. No row: none
-- is available. The worker has its connection to the old server already, so that no limit is checked here.
--
-- Locks: the job, which is never waited for, then its credential and attempt.
create function claim_job(
  provider_name text, wanted bigint, worker uuid, worker_host text, copying_host_id text, takes_over boolean,
  early boolean, until timestamptz, lease interval
) returns table (
  migration_id bigint, address text, home text, quota_bytes bigint, state text, code text, is_finish_requested boolean,
  is_proved boolean, provider jsonb, sealed bytea, failures integer, unchanged_runs integer, seen jsonb,
  completed_at timestamptz, has_copied boolean, overruled text
) language plpgsql set plan_cache_mode = force_generic_plan as $$
#variable_conflict use_column
declare
  candidate bigint;
  former_host text;
  is_claimed boolean := false;
begin
  for candidate in
    select wanted where wanted is not null
    union all (
      select due.migration_id from provider cross join lateral due_jobs(
          provider.id, claim_job.copying_host_id, takes_over, until, 32
        ) as due
        where wanted is null and provider.name = provider_name order by due.due_at
    )
  loop
    -- It may have been claimed since, and may have ended.
    select job.copying_host_id into former_host
      from job join migration on migration.id = job.migration_id join provider on provider.id = job.provider_id
      where job.migration_id = candidate and migration.state in ('pending', 'synced') and is_free(job)
        and is_for(job, provider, claim_job.copying_host_id, takes_over, early, until)
      for update of job skip locked;
    is_claimed := found;
    exit when is_claimed;
  end loop;
  if not is_claimed then return; end if;
  -- A job that is claimed early is due now too, so that later requests can be told from it.
  update job set holder = worker, leased_until = now() + lease, copying_host_id = claim_job.copying_host_id,
      is_for_any_host = false, claimed_at = clock_timestamp(), due_at = least(due_at, now())
    where migration_id = candidate;
  update credential set opened_at = now(), opened_by = 'sync on ' || worker_host where migration_id = candidate;
  -- The attempt of a worker that died.
  update attempt set ended_at = now(), outcome = 'lost-lock' where migration_id = candidate and ended_at is null;
  return query select candidate, migration.address, coalesce(account.home, migration.home), account.quota_bytes,
      migration.state, migration.code, migration.finish_requested_at is not null,
      ledger.migration_id is not null and ledger.code is null, to_jsonb(provider), credential.sealed, job.failures,
      job.unchanged_runs, job.seen, job.completed_at,
      job.completed_at is not null or exists (
        select from attempt where attempt.migration_id = candidate and attempt.messages > 0),
      -- Who takes over knows that the copying state is elsewhere, and who retries knows what stopped the migration.
      case when former_host <> claim_job.copying_host_id then 'state-lost' else (
        select nullif(outcome, 'complete') from attempt where attempt.migration_id = candidate
          and outcome in ('complete', 'old-recreated', 'old-shrunk', 'state-lost')
          order by attempt.id desc limit 1) end
    from job join migration on migration.id = job.migration_id join provider on provider.id = job.provider_id
      left join account on account.id = migration.account_id left join credential using (migration_id)
      left join ledger on ledger.migration_id = job.migration_id
    where job.migration_id = candidate;
end $$;

-- Workers that wait hear of jobs that have become due.
create or replace function follow_made_migrations() returns trigger language plpgsql as $$
begin
  insert into migration_transition (migration_id, to_state, code) select id, state, code from made;
  insert into job (migration_id, provider_id, due_at)
    select id, provider_id, case when state in ('pending', 'synced') then now() else 'infinity' end from made;
  if exists (select from made where state in ('pending', 'synced')) then perform pg_notify('postferry_jobs', ''); end if;
  return null;
end $$;

-- Jobs are locked in the order of their numbers by whoever changes many.
create or replace function follow_changed_migrations() returns trigger language plpgsql as $$
begin
  execute $query$
    with changed as (
      select id, before.state as from_state, later.state as to_state, later.code from later join before using (id)
        where before.state <> later.state
    ), kept as (
      insert into migration_transition (migration_id, from_state, to_state, code)
        select id, from_state, to_state, code from changed
    ), locked as materialized (
      select migration_id, to_state in ('pending', 'synced') as is_active
        from job join changed on migration_id = id
        where (from_state in ('pending', 'synced')) <> (to_state in ('pending', 'synced'))
        order by migration_id for update of job
    ), moved as (
      update job set due_at = case when is_active then now() else 'infinity' end, failures = 0, unchanged_runs = 0
        from locked where job.migration_id = locked.migration_id
    )
    select pg_notify('postferry_jobs', '') where exists (select from locked where is_active)
  $query$;
  return null;
end $$;

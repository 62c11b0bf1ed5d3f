-- The end of a job is planned once for each connection, as its claim is.

-- Releases a job, and keeps what was seen of the source. It is due again as planned, as long as mail is to be copied; one
-- that was asked for while it ran is due at once. False: the lease was lost, and nothing is written.
create function release_job(
  wanted bigint, worker uuid, planned_failures integer, planned_runs integer, wait_ms float, seen_now jsonb
) returns boolean language plpgsql set plan_cache_mode = force_generic_plan as $$
declare
  is_active boolean;
  is_asked_for boolean;
begin
  -- Locked before the job, as by all transitions.
  select state in ('pending', 'synced') into is_active from migration where id = wanted for update;
  select coalesce(due_at > claimed_at, false) into is_asked_for
    from job where migration_id = wanted and holder = worker for update;
  if not found then return false; end if;
  update job set holder = null, leased_until = null,
      failures = case when is_asked_for then 0 else planned_failures end,
      unchanged_runs = case when is_asked_for then 0 else planned_runs end,
      due_at = case when not is_active then 'infinity' when is_asked_for then now()
        else now() + wait_ms * interval '1 millisecond' end,
      seen = coalesce(seen_now, seen),
      completed_at = case when seen_now is null then completed_at else now() end
    where migration_id = wanted;
  return true;
end $$;

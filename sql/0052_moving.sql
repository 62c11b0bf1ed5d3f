-- How a person moves: what a worker that has just claimed a job has to know besides. Volatile, because it is asked in the
-- statement that claims, and has to see what others have written until then.
create function moving_of(migration_id bigint) returns table (
  route text, is_flip_requested boolean, has_account boolean, is_just_flipped boolean, is_return_requested boolean,
  is_returned boolean, has_own_password boolean, are_filters_left boolean, is_return boolean, hold uuid, step text,
  cut_off integer, is_open boolean
) language sql volatile as $$
  select route, flip_requested_at is not null, account_id is not null,
      coalesce(flipped_at > now() - interval '1 hour', false), return_requested_at is not null, returned_at is not null,
      coalesce(password_source = 'destination', false), filters_left_at is not null, is_return, hold, step,
      case when flip_begun_at is not null then flips_cut_off + 1 end, is_open(provider, now())
    from migration join job on job.migration_id = migration.id join provider on provider.id = migration.provider_id
      left join account on account.id = account_id left join flip on flip.migration_id = migration.id
    where migration.id = moving_of.migration_id
$$;

-- A place rests between two runs of cron: only where nobody has worked for long is its copying state taken for lost.
create function is_abandoned(place text) returns boolean language sql stable as $$
  select not exists (
    select from place as kept where kept.id = is_abandoned.place and kept.seen_at > now() - interval '1 hour'
  )
$$;

-- Whoever adopts takes nobody away from a worker.
create or replace function is_for(
  turn turn, provider provider, place text, adopts boolean, early boolean, until timestamptz
) returns boolean language sql stable as $$
  select (early or turn.due_at <= until and is_open(provider, now()))
    and (turn.place is null or turn.place = place or turn.is_released or adopts and not is_served(turn.place))
$$;

-- Where copying states are, and who works with them.

-- A folder in which a copying engine remembers what it has copied. It is known by the name that it keeps inside.
create table place (
  id text primary key,
  -- Where it was when somebody worked with it last.
  host text not null,
  folder text not null,
  seen_at timestamptz not null default now()
);
create index place_folder on place (host, folder);

-- Who copies mail at this moment, and with which copying state; renewed while the process lives.
create table worker (
  id uuid primary key,
  place text not null,
  alive_until timestamptz not null
);
create index worker_place on worker (place);

-- What is known of the places before.
insert into place (id, host, folder, seen_at)
  select distinct on (place) place, coalesce(host, 'unknown'), 'unknown', coalesce(attempt.started_at, now())
    from turn left join attempt using (migration_id) where place is not null order by place, attempt.id desc;

alter table turn
  -- A person wants it copied although nobody works with its copying state: whoever takes it knows that the state is not there.
  add column is_released boolean not null default false;
create index turn_place on turn (place) where due_at < 'infinity';

create function bind_turn() returns trigger language plpgsql as $$
begin
  new.is_released := false;
  return new;
end $$;
create trigger turn_placed before update of place on turn for each row execute function bind_turn();

create function is_served(place text) returns boolean language sql stable as $$
  select exists (select from worker where worker.place = is_served.place and alive_until > now())
$$;

-- Whether a worker with its copying state at this place may take the turn, apart from its lease. Early: at any hour.
create or replace function is_for(
  turn turn, provider provider, place text, adopts boolean, early boolean, until timestamptz
) returns boolean language sql stable as $$
  select (early or turn.due_at <= until and is_open(provider, now()))
    and (adopts or turn.place is null or turn.place = place or turn.is_released)
$$;

-- Keys that nobody has any more, and the services that seal.

create table retired_recipient (
  -- The short name, as credential.sealed_to has it.
  recipient text primary key,
  retired_at timestamptz not null default now()
);

-- Whatever seals to keys that nobody has keeps nothing: it is refused, whoever writes it and however late.
create function refuse_retired_key() returns trigger language plpgsql as $$
begin
  if new.sealed_to <@ array(select recipient from retired_recipient) and cardinality(new.sealed_to) > 0 then
    raise exception 'this host seals to a retired key: %', array_to_string(new.sealed_to, ', ') using errcode = 'MF001';
  end if;
  return new;
end
$$;

create trigger retired_key before insert or update of sealed, sealed_to on credential
  for each row execute function refuse_retired_key();

-- Services that take sign-ins, and to whom they seal; each says so every few seconds.
create table instance (
  id uuid primary key,
  host text not null,
  seals_to text[] not null,
  seen_at timestamptz not null default now()
);

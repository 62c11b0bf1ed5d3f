-- People may go on working on the old server, through the new one, until a flip brings them here.

alter table provider
  add column flip text not null default 'auto' check (flip in ('auto', 'manual')),
  add column pop3_port integer check (pop3_port between 1 and 65535),
  add column sieve_port integer check (sieve_port between 1 and 65535);

-- Held: nobody gets in, and mail waits, while the mirror is put in the mailbox's place.
alter table migration drop constraint migration_route_check;
alter table migration add constraint migration_route_check check (route in ('source', 'held', 'destination'));
alter table migration add column flip_requested_at timestamptz, add column flipped_at timestamptz;

-- A flip that goes on, or that has left something to be undone.
create table flip (
  migration_id bigint primary key references migration (id) on delete cascade,
  hold uuid not null unique default gen_random_uuid(),
  -- held: nothing has moved yet. moving: the mirror is put in the mailbox's place. back: what has moved is to be moved back.
  -- landed: the person is here, and what lay in the mailbox's place before is still to come into it.
  step text not null default 'held' check (step in ('held', 'moving', 'back', 'landed')),
  begun_at timestamptz not null default now(),
  held_until timestamptz not null
);

-- The services whose answers from before a hold have all left.
create table hold_confirmed (
  hold uuid not null references flip (hold) on delete cascade,
  instance_id uuid not null,
  primary key (hold, instance_id)
);

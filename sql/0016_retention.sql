-- What is erased when it has become old, by whichever worker looks first.

create table retention (
  what text primary key check (what in ('audit', 'attempts', 'steps', 'ledgers', 'credentials')),
  -- For how many days it is kept, as the worker was told; 0: for ever.
  days integer not null check (days >= 0),
  looked_at timestamptz not null default now(),
  -- How many rows were erased, all in all.
  erased bigint not null default 0
);

create index attempt_ended on attempt (ended_at);
create index ledger_taken on ledger (taken_at);

-- Who has signed in from which network lately, as digests: their right passwords are heard even when that network has
-- made too many wrong guesses.
create table visit (
  digest text primary key,
  seen_at timestamptz not null default now()
);

-- Sweeping.
create index visit_seen_at on visit (seen_at);

-- Migrations that are to be finished by `mailferry sync`, and what was asked while a turn was running.

alter table migration
  -- Since when somebody wants it finished after a last attempt with a clean ledger; null: nobody does.
  add column closing_since timestamptz,
  add check (closing_since is null or state in ('pending', 'synced', 'failed'));

alter table turn
  -- When it was taken the last time: a turn does not answer what was asked later.
  add column taken_at timestamptz;

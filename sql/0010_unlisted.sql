-- Messages that OLD counts and does not list.

-- They have no UID.
alter table ledger_difference alter column uid drop not null;
-- How many of them an administrator has accepted.
alter table ledger_folder add column accepted_unlisted integer not null default 0;

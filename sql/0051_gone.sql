-- An old server that will not come back: people are flipped to the last copy.

alter table provider add column is_gone boolean not null default false;

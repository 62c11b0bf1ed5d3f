-- Some sources let so much of a person's mail be read within a day, and lock who reads more.

-- Of each person; null: as many as there are.
alter table provider add column daily_bytes bigint check (daily_bytes > 0);

-- How many bytes were read at the source for a migration on its last day, which is one of UTC.
create table source_bytes (
  migration_id bigint primary key references migration on delete cascade,
  day date not null,
  bytes bigint not null check (bytes >= 0)
);

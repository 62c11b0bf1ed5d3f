-- Sieve scripts come along. Those of people who are here already stay where they are, unless somebody says otherwise.

alter table provider add column filters text not null default 'leave' check (filters in ('carry', 'leave'));
alter table provider alter column filters set default 'carry';
-- An administrator lets the person come without the filters that cannot.
alter table migration add column filters_left_at timestamptz;

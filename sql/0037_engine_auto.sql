-- A provider's mail may be copied by whatever its copying host has.

alter table provider drop constraint provider_engine_check;
alter table provider add constraint provider_engine_check check (engine in ('auto', 'offlineimap', 'doveadm'));
alter table provider alter column engine set default 'auto';

-- What a copying host takes then, and why. Null: it has not told.
alter table copying_host add column engine text, add column engine_why text;

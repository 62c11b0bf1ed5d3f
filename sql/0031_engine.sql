-- What copies a provider's people.

alter table provider
  add column engine text not null default 'offlineimap' check (engine in ('offlineimap', 'doveadm'));

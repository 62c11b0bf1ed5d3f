-- What came from each source, by the engine that brought it. A sum of attempts would become less: they are erased after a time.
create table copied_total (
  provider_id integer not null references provider on delete cascade,
  engine text not null check (engine in ('offlineimap', 'doveadm')),
  messages bigint not null,
  bytes bigint not null,
  primary key (provider_id, engine)
) with (fillfactor = 50);

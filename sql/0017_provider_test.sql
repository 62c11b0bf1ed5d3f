-- How the last connection test of a provider ended: failed at a step, or well (null). Unknown once it is elsewhere.
alter table provider
  add column tested_at timestamptz,
  add column test_failed text check (test_failed is null or tested_at is not null);

-- Nobody ever moved in another way, whatever the provider said.
update provider set cutover = 'immediate' where cutover <> 'immediate';
update migration set route = 'new' where route <> 'new';

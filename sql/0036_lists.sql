-- Lists are in the order in which people read: anna2 before anna10, and anna before both. The same whatever the locale is.
create function list_key(address text) returns text language sql immutable strict parallel safe as $$
  select (translate(
    regexp_replace(regexp_replace(address, '(\d+)', '00000000000000\1', 'g'), '\d*(\d{15})', '\1', 'g'), '@', ' '
  ) || ' ' || address) collate "C"
$$;

alter table migration add column list_key text collate "C" generated always as (list_key(address)) stored;
alter table account add column list_key text collate "C" generated always as (list_key(address)) stored;
alter table alias add column list_key text collate "C" generated always as (list_key(address)) stored;

drop index migration_changed, migration_code, migration_finish_requested, migration_old_domain, migration_provider,
  migration_state;
create index migration_list on migration (list_key);
create index migration_changed on migration (changed_at, list_key);
create index migration_code on migration (coalesce(code, ''), list_key);
create index migration_finish_requested on migration (list_key) where finish_requested_at is not null;
create index migration_old_domain on migration (old_domain, list_key);
create index migration_provider on migration (provider_id, list_key);
create index migration_state on migration (state, list_key);
-- Who works on the old server, and who has come from there by a flip.
create index migration_route on migration (route, list_key) where route <> 'destination';
create index migration_flipped on migration (flipped_at) where flipped_at is not null;
create index account_list on account (list_key);
create index alias_list on alias (list_key);

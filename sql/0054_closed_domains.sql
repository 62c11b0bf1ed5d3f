-- A domain that makes no newcomers any more. It stays for those who came from there: it knows what their old addresses mean.
alter table domain add column is_closed boolean not null default false;

-- The row of a domain that was removed went before. It comes back unless an address would be renamed twice by it.
with moved as materialized (
  select id, old_domain, split_part(address, '@', 2) as new_domain, provider_id from migration
), renaming as (
  select name, new_domain from domain where name <> new_domain
  union select old_domain, new_domain from moved where old_domain <> new_domain
)
insert into domain (name, new_domain, provider_id, is_closed)
  select distinct on (old_domain) old_domain, new_domain, provider_id, true
    from moved
    where not exists (select from domain where name = old_domain)
      and (old_domain = moved.new_domain or not exists (
        select from renaming where renaming.name = moved.new_domain or renaming.new_domain = old_domain
      ))
    order by old_domain, id;

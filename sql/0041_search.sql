-- What a search looks into, in small letters already: making them small is most of what a search of 100,000 people costs.
alter table migration add column search_text text
  generated always as (lower(address || case when old_username = address then '' else ' ' || old_username end)) stored;

-- Who becomes awaited, or awaited under another name of OLD, was perhaps refused just now: no instance remembers that.

create function forget_when_awaited() returns trigger language plpgsql as $$
begin
  if exists (select from made where account_id is null) then
    perform pg_notify('mailferry_forget', '');
  end if;
  return null;
end $$;
create trigger migration_awaited after insert on migration referencing new table as made
  for each statement execute function forget_when_awaited();
create trigger migration_renamed after update of old_username, provider_id on migration for each row when (
  new.account_id is null
  and (old.old_username, old.provider_id) is distinct from (new.old_username, new.provider_id)
) execute function forget_all();

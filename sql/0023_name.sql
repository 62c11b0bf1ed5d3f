-- The channel on which caches hear what to forget has the program's name.

create or replace function forget_account() returns trigger language plpgsql as $$
begin
  perform pg_notify('postferry_forget', old.address);
  return null;
end $$;

create or replace function forget_migration() returns trigger language plpgsql as $$
begin
  perform pg_notify('postferry_forget', address) from account where id = old.account_id;
  return null;
end $$;

create or replace function forget_all() returns trigger language plpgsql as $$
begin
  perform pg_notify('postferry_forget', '');
  return null;
end $$;

create or replace function forget_when_awaited() returns trigger language plpgsql as $$
begin
  if exists (select from made where account_id is null) then
    perform pg_notify('postferry_forget', '');
  end if;
  return null;
end $$;

-- A route, and whose word a password is, are named by the server that is meant.

alter table migration drop constraint migration_route_check;
update migration set route = case route when 'old' then 'source' else 'destination' end;
alter table migration add constraint migration_route_check check (route in ('source', 'destination'));

alter table account drop constraint account_password_source_check;
update account set password_source = case password_source when 'old' then 'source' else 'destination' end;
alter table account
  add constraint account_password_source_check check (password_source in ('source', 'destination'));

-- The passwords that an account had before its present one: old servers know several at a time, one for each device.

create table account_password (
  id bigint primary key generated always as identity,
  account_id bigint not null references account on delete cascade,
  password_hash text not null,
  -- Since a newer one came OLD is to be asked about it once more before it counts.
  is_confirmed boolean not null default false
);
create index account_password_account on account_password (account_id, id);

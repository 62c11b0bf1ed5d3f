-- Postfix asks whether a domain is ours: accounts and aliases outlive the rows of their domains.
create index account_domain on account (split_part(address, '@', 2));

-- Addresses of nobody's own, whose mail goes to others.
create table alias (
  address text not null,
  target text not null,
  primary key (address, target),
  check (address <> target)
);
create index alias_domain on alias (split_part(address, '@', 2));

-- Recipients of mail that the source alone took.
create table only_at_source (
  address text primary key,
  messages bigint not null check (messages > 0),
  first_at timestamptz not null default now(),
  last_at timestamptz not null default now()
);
create index only_at_source_last on only_at_source (last_at);

-- Where the mail is delivered of people who have not signed in yet.

alter table provider
  add column mx text,
  add column mx_port integer not null default 25 check (mx_port between 1 and 65535),
  add column mx_tls text not null default 'verified' check (mx_tls in ('verified', 'encrypted', 'none'));

-- Who may sign in at a provider for everybody, and how; the password is only in sealed credentials.

alter table provider
  add column master_name text,
  add column master_login text not null default 'user*master'
    check (master_login in ('user*master', 'user%master', 'authzid'));

-- From how many addresses the sessions of proxied people come: an old server may limit those of one.

alter table provider add column login_addresses integer not null default 1 check (login_addresses between 1 and 256);

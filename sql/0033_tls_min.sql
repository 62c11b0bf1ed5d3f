-- The oldest version of TLS that is spoken with a provider.

alter table provider
  add column tls_min text not null default '1.2' check (tls_min in ('1.0', '1.1', '1.2', '1.3'));

-- Flips that happen by themselves, but only in the copying hours, however early somebody has a person copied.

alter table provider
  drop constraint provider_flip_check,
  add constraint provider_flip_check check (flip in ('auto', 'window', 'manual'));

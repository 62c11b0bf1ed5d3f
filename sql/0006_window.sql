-- The hours of a day in which mail of a provider's people is copied.

alter table provider
  -- `20:00`; a window that ends before it begins goes over midnight.
  add column window_from text check (window_from ~ '^([01][0-9]|2[0-3]):[0-5][0-9]$'),
  add column window_until text check (window_until ~ '^([01][0-9]|2[0-3]):[0-5][0-9]$'),
  -- Of the IANA time zone database: `Europe/Berlin`.
  add column window_zone text,
  add check (num_nulls(window_from, window_until, window_zone) in (0, 3)),
  add check (window_from <> window_until);

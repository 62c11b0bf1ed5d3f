-- How the source called a flipped person's folders: mail programs know them by these names. Null: as the destination does.
alter table account
  add column namespace_prefix text,
  add column namespace_separator text check (length(namespace_separator) = 1),
  add check ((namespace_prefix is null) = (namespace_separator is null));

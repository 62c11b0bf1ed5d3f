-- Why nobody can be flipped from a copying host; empty: people can. Null: it has not told.
alter table copying_host add column cannot_flip text;

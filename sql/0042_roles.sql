-- Folders for sent mail and such may go into those of the destination.

alter table provider add column roles text not null default 'keep' check (roles in ('keep', 'map'));

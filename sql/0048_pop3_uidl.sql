-- POP3 programs go on knowing the messages that they leave on the server: as the source called them.

alter table provider add column pop3_uidl text not null default 'dovecot' check (pop3_uidl in ('dovecot', 'cyrus', 'uid'));
-- Of a flipped person, by the name of the form; null: as everybody's.
alter table account add column kept_uidl text;

-- The last ledger of each migration: OLD against NEW, message by message.

create table ledger (
  migration_id bigint primary key references migration on delete cascade,
  taken_at timestamptz not null,
  seconds real not null,
  -- Why it is not clean; null: it is.
  code text check (code in ('differs', 'shrunk')),
  -- When a ledger was clean the last time.
  clean_at timestamptz,
  -- How many messages were read from OLD for it.
  fetched bigint not null
);
create index ledger_code on ledger (code);

-- Names are OLD's in modified UTF-7, directories those below the Maildir of NEW.
create table ledger_folder (
  migration_id bigint not null references ledger on delete cascade,
  name text not null,
  directory text not null,
  state text not null check (state in ('there', 'missing', 'unreadable', 'renamed', 'removed')),
  remark text,
  messages integer not null,
  -- How many of these are on NEW byte for byte.
  proved integer not null,
  extra integer not null,
  duplicated integer not null,
  -- How many messages of each kind of difference, by its name.
  counts jsonb not null,
  uid_validity bigint,
  -- UIDs that were proved once, and those whose differences were accepted, as IMAP writes sets: 1:500,503.
  proved_uids text not null,
  accepted_uids text not null,
  primary key (migration_id, name)
);

-- The first thousand differences of each kind.
create table ledger_difference (
  migration_id bigint not null references ledger on delete cascade,
  number integer not null,
  kind text not null,
  folder text not null,
  uid bigint not null,
  message_id text not null,
  -- INTERNALDATE and RFC822.SIZE on OLD.
  date timestamptz,
  size bigint not null,
  -- How it is on OLD, and how on NEW.
  old text not null,
  now text not null,
  primary key (migration_id, number)
);

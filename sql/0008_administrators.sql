-- Who may use the panel.

create table administrator (
  name text primary key check (name ~ '^[a-z0-9._@-]{1,64}$'),
  role text not null check (role in ('viewer', 'operator', 'owner')),
  password_hash text not null,
  -- The secret of the one-time codes (RFC 6238), encrypted under the panel key; null: none are asked for.
  totp_sealed bytea,
  -- The time step of the last code that was taken: it and all before it are used up (RFC 6238, section 5.2).
  totp_last_step bigint,
  -- A session holds as long as this stays what it was.
  session_stamp uuid not null default gen_random_uuid(),
  created_at timestamptz not null default now(),
  signed_in_at timestamptz
);

-- Who was flipped may be led back to the source, until the migration is finished.

alter table migration
  add column return_requested_at timestamptz,
  -- Led back, and not flipped again since: only who asks for it flips them.
  add column returned_at timestamptz;

-- A hold that ends at the source; whatever goes wrong before, the person stays at the destination.
alter table flip add column is_return boolean not null default false;

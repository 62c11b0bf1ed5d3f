-- How far a running attempt is, as its worker told last.

alter table attempt add column progress jsonb;

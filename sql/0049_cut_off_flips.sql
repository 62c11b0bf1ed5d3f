-- A flip, or a return, that ends with its worker: it is a failed one, and after some in a row nobody tries again by itself.

alter table job
  -- When the worker that has the job, or had it, began with one that has not ended.
  add column flip_begun_at timestamptz,
  add column flips_cut_off integer not null default 0;

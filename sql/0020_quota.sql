-- The quota that the account gets whose person is still awaited, or was copied before they came.
alter table migration add column quota_bytes bigint check (quota_bytes > 0);

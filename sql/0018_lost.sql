-- Messages that were delivered to NEW and that no ledger has ever seen there.

alter table ledger drop constraint ledger_code_check, add check (code in ('differs', 'lost', 'shrunk'));
-- Their UIDs, as IMAP writes sets.
alter table ledger_folder add column lost_uids text not null default '';
update ledger_folder set counts = '{"lost": 0}' || counts;

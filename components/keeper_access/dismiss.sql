-- Ends the role keeper in a cluster whose stack has no keeper: the block went, or the data came from production's.
-- The slot goes, too, and is told of: without a keeper nothing bounds what PostgreSQL keeps for it. The keeper's database
-- and its marks stay.
\set ON_ERROR_STOP 1
SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity WHERE usename = 'keeper' \g /dev/null
SELECT 'ALTER ROLE keeper NOLOGIN NOREPLICATION PASSWORD NULL'
WHERE EXISTS (SELECT FROM pg_authid WHERE rolname = 'keeper' AND (rolcanlogin OR rolreplication)) \gexec
SELECT format(
    'The replication slot keeper was dropped, because toybox:keeper is not set. PostgreSQL kept %s of WAL for it. '
    'A keeper that comes again needs a new full backup.',
    pg_size_pretty(pg_wal_lsn_diff(pg_current_wal_lsn(), coalesce(restart_lsn, pg_current_wal_lsn())))
) || pg_drop_replication_slot(slot_name)::text
FROM pg_replication_slots WHERE slot_name = 'keeper' AND NOT active;

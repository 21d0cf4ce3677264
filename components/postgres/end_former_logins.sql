-- Ends every login of TOYBOX's but :login. The owner itself was one once. Logins that somebody made by hand stay.
\set ON_ERROR_STOP 1
CREATE TEMPORARY TABLE former AS
SELECT oid, rolname FROM pg_roles WHERE rolname ~ '^toybox(_[0-9a-f]{12})?$' AND rolname <> :'login';
SELECT format('ALTER ROLE %I NOLOGIN PASSWORD NULL', rolname) FROM former \gexec
SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usesysid IN (SELECT oid FROM former) \g /dev/null
SELECT format('REASSIGN OWNED BY %1$I TO toybox; DROP OWNED BY %1$I; DROP ROLE %1$I', rolname) FROM former
WHERE rolname <> 'toybox' \gexec

-- Makes the role keeper with the verifier :verifier, and its own database, as far as they are missing. The role reads,
-- streams and asks for backups. It is no superuser, and may write in its own database alone.
\set ON_ERROR_STOP 1
-- a statement that fails is logged, and one of these has the verifier
SET log_min_error_statement = panic;
SET client_min_messages = warning;
SELECT 'CREATE ROLE keeper' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'keeper') \gexec
-- REPLICATION: full backups and the stream of WAL. The limit leaves the site its connections.
ALTER ROLE keeper LOGIN REPLICATION NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS INHERIT CONNECTION LIMIT 10
    PASSWORD :'verifier';
-- not the keeper's to change: only a superuser sets this one
ALTER ROLE keeper SET temp_file_limit = '1GB';
ALTER ROLE keeper IN DATABASE toybox SET default_transaction_read_only = on;
GRANT pg_read_all_data, pg_read_all_settings, pg_read_all_stats, pg_checkpoint TO keeper;
SELECT 'CREATE DATABASE keeper OWNER keeper' WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'keeper') \gexec
ALTER DATABASE keeper OWNER TO keeper;
REVOKE ALL ON DATABASE keeper FROM PUBLIC;
\connect keeper
SET client_min_messages = warning;
GRANT EXECUTE ON FUNCTION pg_catalog.pg_switch_wal(), pg_catalog.pg_create_restore_point(text),
    pg_catalog.pg_backup_start(text, boolean), pg_catalog.pg_backup_stop(boolean) TO keeper;
-- as the keeper: what a database's owner put there runs with no more than the owner's rights
SET ROLE keeper;
CREATE TABLE IF NOT EXISTS public.mark (at timestamptz NOT NULL DEFAULT clock_timestamp());

-- Makes the application's role the owner of its database and no superuser, in a cluster whose first superuser it is.
--
-- The first superuser cannot be made less, for it owns the system's own tables: it is renamed, and a new role of the old
-- name gets what the application made. One transaction, so that there is no moment with half of it; a table that is in
-- use for longer than ten seconds ends the attempt, and the next update tries again.
\set ON_ERROR_STOP 1
SELECT 'CREATE ROLE toybox_hand_over SUPERUSER LOGIN'
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'toybox_hand_over') \gexec
SELECT 'CREATE DATABASE toybox' WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'toybox') \gexec
\connect toybox toybox_hand_over
BEGIN;
SET LOCAL lock_timeout = '10s';
ALTER ROLE toybox RENAME TO postgres;
-- the containers of before go on with the password that they have, until the new ones are healthy
SELECT format('CREATE ROLE toybox LOGIN PASSWORD %L', rolpassword) FROM pg_authid WHERE oid = 10 \gexec
ALTER ROLE postgres PASSWORD NULL;
ALTER DATABASE toybox OWNER TO toybox;
DO $$
DECLARE
    object record;
BEGIN
    FOR object IN
        SELECT identified.identity,
            CASE identified.type
                WHEN 'composite type' THEN 'type'
                WHEN 'statistics object' THEN 'statistics'
                ELSE identified.type
            END AS kind
        FROM (
            SELECT 'pg_namespace'::regclass AS catalog, oid FROM pg_namespace WHERE nspowner = 10
                AND nspname NOT LIKE 'pg\_%'
            UNION ALL SELECT 'pg_class'::regclass, oid FROM pg_class WHERE relowner = 10
                AND relkind IN ('r', 'p', 'v', 'm', 'f', 'S', 'c') AND relnamespace <> 'pg_toast'::regnamespace
            UNION ALL SELECT 'pg_type'::regclass, oid FROM pg_type WHERE typowner = 10
                AND typtype IN ('d', 'e', 'r', 'b') AND typelem = 0
            UNION ALL SELECT 'pg_proc'::regclass, oid FROM pg_proc WHERE proowner = 10
            UNION ALL SELECT 'pg_collation'::regclass, oid FROM pg_collation WHERE collowner = 10
            UNION ALL SELECT 'pg_conversion'::regclass, oid FROM pg_conversion WHERE conowner = 10
            UNION ALL SELECT 'pg_operator'::regclass, oid FROM pg_operator WHERE oprowner = 10
            UNION ALL SELECT 'pg_opclass'::regclass, oid FROM pg_opclass WHERE opcowner = 10
            UNION ALL SELECT 'pg_opfamily'::regclass, oid FROM pg_opfamily WHERE opfowner = 10
            UNION ALL SELECT 'pg_ts_config'::regclass, oid FROM pg_ts_config WHERE cfgowner = 10
            UNION ALL SELECT 'pg_ts_dict'::regclass, oid FROM pg_ts_dict WHERE dictowner = 10
            UNION ALL SELECT 'pg_statistic_ext'::regclass, oid FROM pg_statistic_ext WHERE stxowner = 10
            UNION ALL SELECT 'pg_publication'::regclass, oid FROM pg_publication WHERE pubowner = 10
            UNION ALL SELECT 'pg_largeobject'::regclass, oid FROM pg_largeobject_metadata WHERE lomowner = 10
        ) AS owned
        CROSS JOIN LATERAL pg_identify_object(owned.catalog, owned.oid, 0) AS identified
        -- what initdb made is the system's, but it makes no large object, and those may have any number; what belongs
        -- to an extension stays with who made that; the sequence of a column, and what else is a part of something,
        -- follows it
        WHERE (owned.oid >= 16384 OR owned.catalog = 'pg_largeobject'::regclass)
            AND NOT EXISTS (
                SELECT FROM pg_depend
                WHERE classid = owned.catalog AND objid = owned.oid
                    AND (deptype IN ('e', 'i') OR deptype = 'a' AND refclassid = 'pg_class'::regclass AND refobjsubid > 0)
            )
    LOOP
        EXECUTE format('ALTER %s %s OWNER TO toybox', object.kind, object.identity);
    END LOOP;
END $$;
COMMIT;
-- sessions of before are the superuser's still; they come again as the new role
SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usesysid = 10 \g /dev/null

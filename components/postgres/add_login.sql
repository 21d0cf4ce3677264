-- Makes the owner, the database and the login :login with :password, as far as they are missing. A data disk that came
-- from another stack has none of this one's logins.
\set ON_ERROR_STOP 1
-- a statement that fails is logged, and one of these has the password
SET log_min_error_statement = panic;
DROP ROLE IF EXISTS toybox_hand_over;
SELECT format('CREATE ROLE %I', wanted.name) FROM (VALUES ('toybox'), (:'login')) AS wanted (name)
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = wanted.name) \gexec
SELECT 'CREATE DATABASE toybox OWNER toybox' WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'toybox') \gexec
ALTER ROLE toybox NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS;
GRANT toybox TO :"login";
ALTER ROLE :"login" SET role = 'toybox';
ALTER ROLE :"login" LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS PASSWORD :'password';

-- Logins of the hub in your own PostgreSQL: one for migrations, which owns the tables, one for the API, one for workers, one for the sender of
-- webhooks, one for the console. Run it with psql as a superuser, in the hub's database. It reads passwords from the environment, so that no
-- command line shows them. To change one, run it again:
--   OWNER_PASSWORD=... API_PASSWORD=... WORKER_PASSWORD=... NOTIFY_PASSWORD=... CONSOLE_PASSWORD=... psql -f roles.sql integrahub
\set ON_ERROR_STOP on
\getenv owner OWNER_PASSWORD
\getenv api API_PASSWORD
\getenv worker WORKER_PASSWORD
\getenv notify NOTIFY_PASSWORD
\getenv console CONSOLE_PASSWORD
SET log_min_error_statement = panic;
SET log_statement = none;

SELECT 'CREATE ROLE integrahub_owner LOGIN' WHERE to_regrole('integrahub_owner') IS NULL \gexec
SELECT 'CREATE ROLE integrahub_api LOGIN' WHERE to_regrole('integrahub_api') IS NULL \gexec
SELECT 'CREATE ROLE integrahub_worker LOGIN BYPASSRLS' WHERE to_regrole('integrahub_worker') IS NULL \gexec
SELECT 'CREATE ROLE integrahub_notify LOGIN BYPASSRLS' WHERE to_regrole('integrahub_notify') IS NULL \gexec
SELECT 'CREATE ROLE integrahub_console LOGIN' WHERE to_regrole('integrahub_console') IS NULL \gexec
ALTER ROLE integrahub_owner PASSWORD :'owner';
ALTER ROLE integrahub_api PASSWORD :'api';
ALTER ROLE integrahub_worker PASSWORD :'worker';
ALTER ROLE integrahub_notify PASSWORD :'notify';
ALTER ROLE integrahub_console PASSWORD :'console';
-- The owner grants privileges to the roles, so it must be a member of each.
GRANT integrahub_api, integrahub_worker, integrahub_notify, integrahub_console TO integrahub_owner;
SELECT format('ALTER DATABASE %I OWNER TO integrahub_owner', current_database()) \gexec

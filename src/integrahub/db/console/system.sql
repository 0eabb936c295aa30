-- server --
-- The version of PostgreSQL, and the size of the hub's database.
SELECT current_setting('server_version') AS version, pg_database_size(current_database()) AS bytes

-- migrations --
-- Migrations that were applied, the latest first.
SELECT name, kind, applied_at FROM schema_migrations WHERE name ~ '^[0-9]' ORDER BY name DESC LIMIT 200

-- create_migrations --
-- The table of applied scripts.
CREATE TABLE IF NOT EXISTS schema_migrations (
  name text PRIMARY KEY,
  applied_at timestamptz DEFAULT now(),
  kind text CHECK (kind IN ('expand', 'contract')),
  checksum text
)

-- lock --
-- One process migrates at a time. The lock ends with the session. Without waiting: the snapshot of a waiting statement would
-- stop CREATE INDEX CONCURRENTLY of the process that it waits for.
SELECT pg_try_advisory_lock(%(key)s)

-- limit_lock_waits --
-- End a statement of this transaction that waits longer for a lock.
SELECT set_config('lock_timeout', %(milliseconds)s, true)

-- outwait_autovacuum --
-- Let a statement of this transaction wait longer than deadlock_timeout, after which PostgreSQL cancels an autovacuum in its way.
SELECT set_config('lock_timeout', (setting::int + %(milliseconds)s)::text, true) FROM pg_settings WHERE name = 'deadlock_timeout'

-- long_transactions --
-- The longest transactions of this database, for the operator who has to end one.
SELECT format('process %s (%s, %s) for %s s', pid, application_name, state, extract(epoch FROM now() - xact_start)::int)
FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND xact_start IS NOT NULL
ORDER BY xact_start LIMIT 3

-- invalid_index --
-- The index of this name that an aborted CREATE INDEX CONCURRENTLY left, quoted.
SELECT i.indexrelid::regclass::text FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
WHERE c.relname = %(name)s AND c.relnamespace = 'public'::regnamespace AND NOT i.indisvalid

-- record --
-- A script was applied.
INSERT INTO schema_migrations (name, kind, checksum) VALUES (%(name)s, %(kind)s, %(checksum)s)
ON CONFLICT (name) DO NOTHING

-- make_change_partitions --
-- Make the partitions of the record of changes for the coming days.
SELECT make_change_partitions(%(days_ahead)s)

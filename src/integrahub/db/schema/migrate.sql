-- create_migrations --
-- The table of applied scripts.
CREATE TABLE IF NOT EXISTS schema_migrations (
  name text PRIMARY KEY,
  applied_at timestamptz DEFAULT now(),
  kind text CHECK (kind IN ('expand', 'contract')),
  checksum text
)

-- lock --
-- One process migrates at a time.
SELECT pg_advisory_xact_lock(%(key)s)

-- count_roles --
-- How many of these roles exist.
SELECT count(*) FROM pg_roles WHERE rolname = ANY(%(names)s)

-- record --
-- A script was applied.
INSERT INTO schema_migrations (name, kind, checksum) VALUES (%(name)s, %(kind)s, %(checksum)s)

-- make_change_partitions --
-- Make the partitions of the record of changes for the coming days.
SELECT make_change_partitions(%(days_ahead)s)

-- keep_wal --
-- Keep the WAL from now on until this session ends, and return the server's time.
SELECT now() AS at FROM pg_create_physical_replication_slot(%(slot)s, true, true)

-- progress --
-- Progress of the base backup with this application name, and the server's time before the phase was read.
SELECT now() AS at, p.phase LIKE 'waiting for wal%%' OR p.phase LIKE 'transferring wal%%' AS has_all_data,
  p.backup_streamed AS streamed, coalesce(p.backup_total, 0) AS total
FROM pg_stat_progress_basebackup p JOIN pg_stat_activity a ON a.pid = p.pid
WHERE a.application_name = %(name)s

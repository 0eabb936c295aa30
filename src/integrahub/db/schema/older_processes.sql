-- has_versions --
-- Whether processes record the version that they are of.
SELECT EXISTS (SELECT FROM pg_attribute WHERE attrelid = to_regclass('public.workers') AND attname = 'version_id'
  AND NOT attisdropped)

-- find_older --
-- Live processes that do not know a migration. Names of migrations begin with their number.
SELECT name, host, pid, CASE WHEN version_id = id THEN version END AS version FROM workers
WHERE left_at IS NULL AND seen_at > now() - make_interval(secs => %(timeout)s)
  AND (version_id IS DISTINCT FROM id OR knows COLLATE "C" < %(migration)s)
ORDER BY name

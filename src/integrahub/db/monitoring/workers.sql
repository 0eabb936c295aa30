-- register --
-- Register a worker; return the previous worker of that name, and whether it was lost. One of a release before 0.3 is
-- remembered under a name of its own, since it may come back; only the last of them.
WITH before AS (SELECT id, left_at, version_id, seen_at FROM workers WHERE name = %(name)s),
  older AS (
    INSERT INTO workers (name, id, steps, pid, seen_at, left_at)
    SELECT 'before 0.3', id, '{}', 0, seen_at, seen_at FROM before WHERE version_id IS DISTINCT FROM id
    ON CONFLICT (name) DO UPDATE SET seen_at = greatest(workers.seen_at, excluded.seen_at)),
  taken AS (
    INSERT INTO workers (name, id, steps, pid, host, version, knows, version_id)
    VALUES (%(name)s, %(id)s, %(steps)s, %(pid)s, %(host)s, %(version)s, %(knows)s, %(id)s)
    ON CONFLICT (name) DO UPDATE SET id = excluded.id, steps = excluded.steps, pid = excluded.pid, host = excluded.host,
      version = excluded.version, knows = excluded.knows, version_id = excluded.version_id,
      started_at = now(), seen_at = now(), left_at = NULL
    RETURNING name)
SELECT (SELECT id FROM before) AS id, (SELECT left_at IS NULL FROM before) AS was_lost FROM taken

-- release_chunks_of_worker --
-- Expire the chunk leases of a lost worker.
UPDATE batch_chunks SET lease_until = now()
WHERE worker_id = %(id)s AND finished_at IS NULL AND status = 'PROCESSING' AND lease_until > now()

-- release_splits_of_worker --
-- Expire the split leases of a lost worker.
UPDATE batches SET lease_until = now()
WHERE worker_id = %(id)s AND finished_at IS NULL AND stage = 'splitting' AND lease_until > now()

-- release_deliveries_of_worker --
-- Make the webhooks due that a lost worker was sending.
UPDATE webhook_deliveries SET next_attempt_at = now(), lease_until = now()
WHERE worker_id = %(id)s AND claim_token IS NOT NULL AND state = 'pending' AND lease_until > now()

-- update_heartbeat --
-- Store that the worker is alive.
UPDATE workers SET seen_at = now() WHERE name = %(name)s AND id = %(id)s

-- unregister --
-- Store that the worker stopped in good order.
UPDATE workers SET left_at = now() WHERE name = %(name)s AND id = %(id)s

-- prune --
-- Delete workers without a heartbeat for a day.
DELETE FROM workers WHERE seen_at < now() - interval '1 day'

-- count_restart --
-- Count an unplanned restart.
INSERT INTO worker_restarts (step, restarts) VALUES (%(step)s, 1)
ON CONFLICT (step) DO UPDATE SET restarts = worker_restarts.restarts + 1

-- is_upgrade_recent --
-- Whether a process that registers no version, of a release before 0.3, had a heartbeat within the last hour, or the
-- schema of such a release was migrated within it. The migrations of a new database are applied within a minute.
SELECT EXISTS (SELECT FROM workers WHERE seen_at > now() - interval '1 hour' AND version_id IS DISTINCT FROM id)
  OR EXISTS (SELECT FROM schema_migrations first JOIN schema_migrations versions
    ON versions.applied_at > first.applied_at + interval '1 minute'
    WHERE first.name = '0001_initial.sql' AND versions.name = '0014_worker_versions.sql'
      AND versions.applied_at > now() - interval '1 hour')

-- list_all --
-- All registered workers, with seconds since the heartbeat and the number of chunks they hold.
SELECT w.name, w.host, w.pid, w.steps, w.started_at, w.left_at,
  extract(epoch FROM now() - w.seen_at)::float8 AS silent,
  (SELECT count(*) FROM batch_chunks c WHERE c.worker_id = w.id AND c.finished_at IS NULL AND c.status = 'PROCESSING')
    AS holding
FROM workers w ORDER BY w.name

-- count_by_step --
-- Live workers and unplanned restarts by step.
SELECT coalesce(l.step, r.step) AS step, coalesce(l.live, 0) AS live, coalesce(r.restarts, 0) AS restarts
FROM (SELECT unnest(steps) AS step, count(*) AS live FROM workers
    WHERE left_at IS NULL AND seen_at > now() - make_interval(secs => %(timeout)s) GROUP BY 1) l
  FULL JOIN worker_restarts r ON r.step = l.step
ORDER BY 1

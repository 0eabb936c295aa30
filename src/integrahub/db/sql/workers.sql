-- register --
-- Take a name, and tell who had it before.
WITH before AS (SELECT id FROM workers WHERE name = %(name)s),
  taken AS (
    INSERT INTO workers (name, id, steps, pid) VALUES (%(name)s, %(id)s, %(steps)s, %(pid)s)
    ON CONFLICT (name) DO UPDATE SET id = excluded.id, steps = excluded.steps, pid = excluded.pid,
      started_at = now(), seen_at = now()
    RETURNING name)
SELECT (SELECT id FROM before) AS before FROM taken

-- free_chunks_of --
-- The chunks a dead worker held.
UPDATE batch_chunks SET lease_until = now()
WHERE worker_id = %(id)s AND finished_at IS NULL AND status = 'PROCESSING' AND lease_until > now()

-- free_splits_of --
-- The splits a dead worker held.
UPDATE batches SET lease_until = now()
WHERE worker_id = %(id)s AND finished_at IS NULL AND stage = 'splitting' AND lease_until > now()

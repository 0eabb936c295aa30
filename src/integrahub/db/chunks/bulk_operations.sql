-- start --
-- Mark the oldest open dead letters that match all filters, and insert the operation that replays them. Letters that
-- another operation holds are left to it. Without a letter there is no operation.
WITH chosen AS (
  SELECT id FROM dead_letters
  WHERE settled_at IS NULL AND replay_asked_at IS NULL AND (%(ids)s::bigint[] IS NULL OR id = ANY(%(ids)s))
    AND (%(batch_id)s::uuid IS NULL OR batch_id = %(batch_id)s) AND (%(cnpj)s::text IS NULL OR cnpj = %(cnpj)s)
    AND (%(error)s::text IS NULL OR %(error)s IN (error_class, error_code, fingerprint))
    AND (%(since)s::timestamptz IS NULL OR created_at >= %(since)s)
  ORDER BY id LIMIT %(limit)s FOR UPDATE),
marked AS (
  UPDATE dead_letters d SET replay_asked_at = now(), bulk_operation_id = %(id)s, replay_refusal = NULL
  FROM chosen c WHERE d.id = c.id RETURNING d.id)
INSERT INTO bulk_operations (id, actor, filters, letters, refusals)
SELECT %(id)s, %(actor)s, %(filters)s, count(*) + %(refused)s, %(refusals)s FROM marked HAVING count(*) > 0
RETURNING letters

-- adopt --
-- Insert an operation for letters of chunks that a process of an earlier version marked for replay.
WITH unowned AS (
  SELECT id FROM dead_letters
  WHERE bulk_operation_id IS NULL AND replay_asked_at IS NOT NULL AND settled_at IS NULL AND batch_id IS NOT NULL
  ORDER BY id LIMIT %(limit)s FOR UPDATE SKIP LOCKED),
marked AS (UPDATE dead_letters d SET bulk_operation_id = %(id)s FROM unowned u WHERE d.id = u.id RETURNING d.id)
INSERT INTO bulk_operations (id, actor, filters, letters)
SELECT %(id)s, '', '{}', count(*) FROM marked HAVING count(*) > 0

-- claim_due --
-- Take running operations that no worker took in the last seconds, so that all workers together keep the rate.
UPDATE bulk_operations o SET run_at = now()
FROM (SELECT id FROM bulk_operations
  WHERE state = 'running' AND (run_at IS NULL OR run_at <= now() - make_interval(secs => %(seconds)s))
  ORDER BY run_at NULLS FIRST LIMIT %(limit)s FOR UPDATE SKIP LOCKED) due
WHERE o.id = due.id RETURNING o.id

-- letters --
-- List letters that an operation has still to replay, oldest first.
SELECT id, batch_id, chunk, location, topic, body FROM dead_letters
WHERE bulk_operation_id = %(id)s AND replay_asked_at IS NOT NULL AND settled_at IS NULL
ORDER BY id LIMIT %(limit)s

-- count_replayed --
-- Count letters that this transaction replays.
UPDATE bulk_operations SET replayed = replayed + %(count)s WHERE id = %(id)s

-- refuse --
-- Return letters that cannot be replayed to the open ones, with the reason, and count them.
WITH refused AS (
  UPDATE dead_letters SET replay_asked_at = NULL, replay_refusal = %(code)s
  WHERE id = ANY(%(letters)s::bigint[]) AND bulk_operation_id = %(id)s AND replay_asked_at IS NOT NULL
    AND settled_at IS NULL
  RETURNING id)
UPDATE bulk_operations o SET refusals = o.refusals
  || jsonb_build_object(%(code)s::text, coalesce((o.refusals ->> %(code)s)::integer, 0) + r.count)
FROM (SELECT count(*) AS count FROM refused) r WHERE o.id = %(id)s AND r.count > 0

-- resolve_message --
-- Settle the dead letter of a message that was published again, and count it. If it fails again, it gets a new letter.
WITH resolved AS (
  UPDATE dead_letters SET settled_at = now()
  WHERE id = %(letter)s AND bulk_operation_id = %(id)s AND settled_at IS NULL RETURNING id)
UPDATE bulk_operations SET replayed = replayed + 1 WHERE id = %(id)s AND EXISTS (SELECT FROM resolved)

-- complete_if_running --
-- End an operation that has no letter left to replay.
UPDATE bulk_operations SET state = 'done', ended_at = now()
WHERE id = %(id)s AND state = 'running' AND NOT EXISTS (
  SELECT FROM dead_letters
  WHERE bulk_operation_id = %(id)s AND replay_asked_at IS NOT NULL AND settled_at IS NULL)

-- release --
-- Return the letters that a stopped operation did not replay to the open ones.
UPDATE dead_letters SET replay_asked_at = NULL
WHERE bulk_operation_id = %(id)s AND replay_asked_at IS NOT NULL AND settled_at IS NULL

-- stop_if_running --
-- Stop an operation.
UPDATE bulk_operations SET state = 'stopped', ended_at = now(), stopped_by = %(actor)s
WHERE id = %(id)s AND state = 'running'

-- find --
-- Read one operation, and the outcome of the letters that it replayed.
SELECT o.id, o.state, o.actor, o.filters, o.letters, o.replayed, o.refusals, o.created_at, o.run_at, o.ended_at,
  o.stopped_by, r.applying, r.failed_again
FROM bulk_operations o CROSS JOIN LATERAL (
  SELECT coalesce(sum(b.chunks_left), 0)::bigint AS applying,
    coalesce(sum((SELECT count(*) FROM dead_letters f WHERE f.batch_id = b.id)), 0)::bigint AS failed_again
  FROM batches b WHERE b.id IN (SELECT d.replayed_by FROM dead_letters d WHERE d.bulk_operation_id = o.id)) r
WHERE o.id = %(id)s

-- page --
-- List operations, newest first, after the cursor and from the line `top` on.
SELECT id, state, actor, filters, letters, replayed, refusals, created_at, run_at, ended_at, stopped_by
FROM bulk_operations
WHERE (%(before)s::timestamptz IS NULL OR (created_at, id) < (%(before)s, %(before_id)s::uuid))
  AND (%(top)s::timestamptz IS NULL OR (created_at, id) <= (%(top)s, %(top_id)s::uuid))
ORDER BY created_at DESC, id DESC LIMIT %(limit)s

-- newer --
-- Count operations that are newer than the first line of a list.
SELECT count(*) FROM (SELECT FROM bulk_operations WHERE (created_at, id) > (%(top)s::timestamptz, %(top_id)s::uuid)
  LIMIT 100) n

-- due_for_deletion --
-- Operations that ended long ago.
SELECT id FROM bulk_operations WHERE ended_at < now() - make_interval(days => %(days)s) ORDER BY id LIMIT %(limit)s

-- delete --
-- Delete operations.
DELETE FROM bulk_operations WHERE id = ANY(%(ids)s)

-- find --
-- A batch with what its steps need of the pharmacy.
SELECT b.*, p.cnpj, p.time_zone, p.deactivation_limit, p.full_window_minutes
FROM batches b JOIN pharmacies p ON p.id = b.pharmacy_id WHERE b.id = %(id)s

-- claim_split_if_free --
-- Take a batch for splitting unless another worker's lease runs. A lease that ended is a crash; after a crash only who
-- splits nothing beside it may take the batch.
UPDATE batches b SET stage = 'splitting', status = 'PROCESSING', claim_token = %(token)s, worker_id = %(worker)s,
  crashes = b.crashes + (b.stage = 'splitting')::int, lease_until = now() + make_interval(secs => %(lease)s), started_at = coalesce(started_at, now()),
  read_zone = p.time_zone
FROM pharmacies p
WHERE b.id = %(id)s AND p.id = b.pharmacy_id AND b.kind IN ('load', 'replay') AND b.finished_at IS NULL
  AND (b.stage = 'received' OR (b.stage = 'splitting' AND coalesce(b.lease_until, '-infinity') NOT BETWEEN now() AND now() + interval '1 minute'))
  AND coalesce(b.next_attempt_at, '-infinity') NOT BETWEEN now() AND now() + interval '2 minutes'
  AND (%(alone)s OR b.stage = 'received' AND b.crashes = 0)
RETURNING b.id, b.pharmacy_id, p.cnpj, p.time_zone, b.kind, b.load_type, b.media_type, b.encoding, b.body,
  b.location, b.attempts, b.crashes, b.claim_token, p.has_products, NOT EXISTS (
    SELECT FROM batches e WHERE e.pharmacy_id = b.pharmacy_id AND e.received_seq < b.received_seq
      AND e.finished_at IS NULL) AS has_turn

-- suspected_split --
-- The batch, when a worker that split it crashed and it is to be split again.
SELECT id FROM batches
WHERE id = %(id)s AND kind IN ('load', 'replay') AND finished_at IS NULL
  AND (stage = 'received' AND crashes > 0
    OR stage = 'splitting' AND coalesce(lease_until, '-infinity') NOT BETWEEN now() AND now() + interval '1 minute')

-- renew_splits_if_held --
-- Keep the leases of splits taken together.
UPDATE batches SET lease_until = now() + make_interval(secs => %(lease)s)
WHERE id = ANY(%(ids)s::uuid[]) AND claim_token = %(token)s AND stage = 'splitting' RETURNING id

-- find_unfinished --
-- A batch whose split did not end well: it is another's, or for nothing.
SELECT id FROM batches
WHERE id = ANY(%(ids)s::uuid[]) AND (stage IN ('received', 'splitting') OR status IN ('FAILED', 'CANCELLED')) LIMIT 1

-- lock_turns --
-- The turns of several pharmacies, in one order for everybody.
SELECT pharmacy_id FROM pharmacy_turns WHERE pharmacy_id = ANY(%(pharmacies)s::bigint[]) ORDER BY pharmacy_id FOR UPDATE

-- lock_turns_if_free --
-- Those of the turns that nobody holds; nothing is waited for.
SELECT pharmacy_id FROM pharmacy_turns WHERE pharmacy_id = ANY(%(pharmacies)s::bigint[])
ORDER BY pharmacy_id FOR UPDATE SKIP LOCKED

-- lock_if_claimed --
-- The batch, when the split is still ours.
SELECT id FROM batches WHERE id = %(id)s AND claim_token = %(token)s AND stage = 'splitting' FOR UPDATE

-- end_split --
-- All chunks are known: what follows is this batch's turn, or waiting for it.
UPDATE batches b SET chunks_total = %(chunks)s, chunks_left = %(left)s, items_total = %(items)s,
  unreadable_ids = %(unreadable)s, split_at = now(), claim_token = NULL, lease_until = NULL, dispatched_at = now(),
  dispatches = 0,
  stage = CASE WHEN EXISTS (
      SELECT FROM batches e WHERE e.pharmacy_id = b.pharmacy_id AND e.received_seq < b.received_seq
        AND e.finished_at IS NULL) THEN 'waiting'
    WHEN %(left)s = 0 THEN 'finishing' ELSE 'upserting' END
WHERE b.id = %(id)s RETURNING b.stage

-- fail --
-- The body is at fault: nothing of it is applied.
UPDATE batches SET status = 'FAILED', stage = 'done', finished_at = now(), split_at = now(), chunks_total = 0,
  chunks_left = 0, claim_token = NULL, lease_until = NULL, error_code = %(code)s, error_facts = %(facts)s,
  error_offset = %(offset)s
WHERE id = %(id)s AND finished_at IS NULL RETURNING id

-- retry_split --
-- Hand a split back, to be tried again later.
UPDATE batches SET stage = 'received', claim_token = NULL, lease_until = NULL, attempts = attempts + %(used)s,
  next_attempt_at = now() + make_interval(secs => %(delay)s), dispatched_at = NULL
WHERE id = %(id)s AND claim_token = %(token)s AND stage = 'splitting' RETURNING id

-- grant_turns_if_free --
-- The lowest unfinished batch of each pharmacy gets the turn when it waits for it.
UPDATE batches b SET stage = CASE WHEN coalesce(b.chunks_left, 0) = 0 THEN 'finishing' ELSE 'upserting' END,
  dispatched_at = now(), dispatches = 0
FROM unnest(%(pharmacies)s::bigint[]) AS k (pharmacy_id)
CROSS JOIN LATERAL (
  SELECT id FROM batches WHERE pharmacy_id = k.pharmacy_id AND finished_at IS NULL ORDER BY received_seq LIMIT 1) n
WHERE b.id = n.id AND b.stage = 'waiting' RETURNING b.id, b.stage

-- lock_if_finishing --
-- The batch, when all its chunks are settled and it is not final.
SELECT * FROM batches WHERE id = %(id)s AND stage = 'finishing' AND finished_at IS NULL FOR UPDATE

-- lock_unfinished --
-- The batch, when it is not final.
SELECT * FROM batches WHERE id = %(id)s AND finished_at IS NULL FOR UPDATE

-- decrement_chunks_left --
-- So many chunks less; whoever reads 0 has the batch finished.
WITH done AS MATERIALIZED (
  SELECT b.id, k.count FROM unnest(%(ids)s::uuid[], %(counts)s::int[]) AS k (id, count) JOIN batches b ON b.id = k.id
  ORDER BY b.id FOR UPDATE OF b)
UPDATE batches b SET chunks_left = b.chunks_left - done.count,
  stage = CASE WHEN b.chunks_left = done.count THEN 'finishing' ELSE b.stage END,
  dispatched_at = CASE WHEN b.chunks_left = done.count THEN now() ELSE b.dispatched_at END,
  dispatches = CASE WHEN b.chunks_left = done.count THEN 0 ELSE b.dispatches END
FROM done WHERE b.id = done.id RETURNING b.id, b.chunks_left

-- totals --
-- What the chunks of a batch came to.
SELECT coalesce(sum(inserted), 0)::bigint AS inserted, coalesce(sum(updated), 0)::bigint AS updated,
  coalesce(sum(unchanged), 0)::bigint AS unchanged, coalesce(sum(merged), 0)::bigint AS merged,
  coalesce(sum(rejected), 0)::bigint AS rejected, coalesce(sum(superseded), 0)::bigint AS superseded,
  coalesce(sum(reactivated), 0)::bigint AS reactivated, coalesce(sum(warnings), 0)::bigint AS warnings,
  coalesce(sum(records) FILTER (WHERE status = 'FAILED'), 0)::bigint AS dead,
  coalesce(sum(records) FILTER (WHERE status = 'CANCELLED'), 0)::bigint AS cancelled
FROM batch_chunks WHERE batch_id = %(id)s

-- finish --
-- Final: totals, deactivation and status at once.
UPDATE batches SET status = %(status)s, stage = 'done', finished_at = now(), claim_token = NULL, lease_until = NULL,
  inserted = %(inserted)s, updated = %(updated)s, unchanged = %(unchanged)s, merged = %(merged)s,
  rejected = %(rejected)s, superseded = %(superseded)s, reactivated = %(reactivated)s, warnings = %(warnings)s, dead = %(dead)s,
  cancelled = %(cancelled)s, deactivated = %(deactivated)s, deactivation_state = %(state)s, deactivation_candidates = %(candidates)s,
  deactivation_active = %(active)s, deactivation_reason = %(reason)s,
  deactivation_facts = %(facts)s, absence_proven = %(proven)s, error_code = coalesce(%(error_code)s, error_code),
  error_facts = coalesce(%(error_facts)s, error_facts)
WHERE id = %(id)s

-- final --
-- What the log tells of a batch that is final; of an operation, what it decided for its batch.
SELECT b.id, p.cnpj, b.kind, b.parent_id, b.status, b.error_code, b.bytes, b.inserted, b.updated, b.unchanged, b.merged,
  b.rejected, b.superseded, b.cancelled, b.dead, coalesce(o.load_type, b.load_type) AS load_type, b.items_total AS items,
  coalesce(o.deactivated, b.deactivated) AS deactivated,
  coalesce(o.deactivation_state, b.deactivation_state) AS deactivation,
  coalesce(o.deactivation_candidates, b.deactivation_candidates) AS candidates,
  coalesce(o.deactivation_active, b.deactivation_active) AS active,
  coalesce(o.deactivation_reason, b.deactivation_reason) AS reason,
  extract(epoch FROM clock_timestamp() - b.received_at)::float8 AS seconds
FROM batches b JOIN pharmacies p ON p.id = b.pharmacy_id
  LEFT JOIN batches o ON o.id = b.parent_id AND b.kind IN ('approval', 'window')
WHERE b.id = %(id)s

-- supersede_held --
-- A newer FULL replaces the decisions still open.
UPDATE batches SET deactivation_state = 'superseded'
WHERE pharmacy_id = %(pharmacy_id)s AND coalesce(origin_seq, received_seq) < %(received_seq)s
  AND deactivation_state IN ('held', 'waiting')
RETURNING id

-- mark_full_seen --
-- The pharmacy's active products were all seen when this load came. What is deactivated is so before: it was not seen.
UPDATE pharmacies p SET full_seen_at = b.received_at
FROM batches b
WHERE p.id = %(pharmacy_id)s AND b.pharmacy_id = p.id AND b.received_seq = %(received_seq)s
  AND coalesce(p.full_seen_at, '-infinity') < b.received_at

-- set_has_products --
-- From now on loads look at what is there.
UPDATE pharmacies SET has_products = true WHERE id = ANY(%(pharmacies)s::bigint[]) AND NOT has_products

-- insert_operation --
-- A later operation on an old batch takes its own number and turn.
INSERT INTO batches (id, pharmacy_id, received_seq, kind, parent_id, load_type, bytes, sha256, stage, status,
  chunks_total, chunks_left, items_total, started_at, first_byte_at)
VALUES (%(id)s, %(pharmacy_id)s, %(received_seq)s, %(kind)s, %(parent_id)s, 'full', 0, '', 'waiting', 'PROCESSING',
  0, 0, 0, now(), now())

-- next_received_seq --
-- The pharmacy's next number; its turn row is locked.
UPDATE pharmacy_turns SET last_seq = last_seq + 1 WHERE pharmacy_id = %(pharmacy_id)s RETURNING last_seq

-- decide_if_held --
-- A person's decision on a held deactivation.
UPDATE batches SET deactivation_state = %(state)s, deactivated = deactivated + %(deactivated)s,
  absence_proven = %(state)s = 'approved'
WHERE id = %(id)s AND deactivation_state = 'held' RETURNING id

-- pending_operation --
-- Whether something decided on this batch is still to be carried out.
SELECT id FROM batches WHERE parent_id = %(id)s AND finished_at IS NULL

-- decide_if_waiting --
-- The end of a FULL in parts, told on its last part.
UPDATE batches SET deactivation_state = %(state)s, deactivated = %(deactivated)s, full_from_seq = %(first)s,
  deactivation_candidates = %(candidates)s, deactivation_active = %(active)s, deactivation_reason = %(reason)s,
  deactivation_facts = %(facts)s, absence_proven = %(proven)s
WHERE id = %(id)s AND deactivation_state = 'waiting'

-- full_window_parts --
-- The FULLs that made one catalogue when a window was closed: between two of them is no gap longer than the window.
WITH fulls AS (
  SELECT *, first_byte_at > lag(received_at) OVER (ORDER BY received_seq) + make_interval(mins => %(minutes)s) AS late
  FROM batches WHERE pharmacy_id = %(pharmacy_id)s AND kind = 'load' AND load_type = 'full'
    AND received_seq < %(until)s
)
SELECT id, received_seq, received_at, status, media_type, item_count_claimed, items_total, unreadable_ids FROM fulls
WHERE received_seq >= coalesce((SELECT max(received_seq) FROM fulls WHERE late), 0) ORDER BY received_seq

-- closed_windows --
-- FULLs in parts whose window has been quiet long enough: the last part of each pharmacy. A part whose first byte came in
-- time is waited for: half a minute until its first record tells whose it is, then as long as its upload goes on, an hour
-- at most.
SELECT DISTINCT ON (b.pharmacy_id) b.id, b.pharmacy_id
FROM batches b JOIN pharmacies p ON p.id = b.pharmacy_id
WHERE b.deactivation_state = 'waiting' AND b.finished_at IS NOT NULL
  AND (%(pharmacy_id)s::bigint IS NULL OR b.pharmacy_id = %(pharmacy_id)s)
  AND NOT EXISTS (SELECT FROM batches o WHERE o.pharmacy_id = b.pharmacy_id AND o.load_type = 'full'
    AND (o.finished_at IS NULL OR o.kind = 'load' AND o.received_at
      + make_interval(mins => coalesce(p.full_window_minutes, %(window)s), secs => 30) > now()))
  AND NOT EXISTS (SELECT FROM full_uploads u JOIN batches o ON o.pharmacy_id = u.pharmacy_id
    AND o.kind = 'load' AND o.load_type = 'full'
    AND u.begun_at <= o.received_at + make_interval(mins => coalesce(p.full_window_minutes, %(window)s))
    WHERE u.pharmacy_id = b.pharmacy_id AND u.renewed_at > now() - interval '30 seconds'
      AND u.begun_at > now() - interval '1 hour')
ORDER BY b.pharmacy_id, b.received_seq DESC

-- due_splits --
-- Received and not being split: never announced, announced long ago, or their worker is gone.
WITH due AS MATERIALIZED (
  SELECT id FROM batches
  WHERE kind IN ('load', 'replay') AND finished_at IS NULL
    AND coalesce(next_attempt_at, '-infinity') NOT BETWEEN now() AND now() + interval '2 minutes'
    AND (stage = 'received' OR (stage = 'splitting' AND lease_until NOT BETWEEN now() AND now() + interval '1 minute'))
    AND (dispatched_at IS NULL OR dispatched_at
        NOT BETWEEN now() - make_interval(secs => least(600, %(again)s * 2 ^ least(dispatches, 8))) AND now()
      OR (stage = 'splitting' AND dispatched_at < lease_until))
  ORDER BY received_at LIMIT 500 FOR UPDATE SKIP LOCKED)
UPDATE batches b SET dispatched_at = now(), dispatches = b.dispatches + 1
FROM due, pharmacies p WHERE b.id = due.id AND p.id = b.pharmacy_id
RETURNING b.id, b.load_type, b.received_at, p.cnpj

-- due_finishes --
-- All chunks settled, announced long ago, and nobody finished them.
WITH due AS MATERIALIZED (
  SELECT id FROM batches
  WHERE finished_at IS NULL AND stage = 'finishing'
    AND dispatched_at NOT BETWEEN now() - make_interval(secs => least(600, %(again)s * 2 ^ least(dispatches, 8))) AND now()
  ORDER BY received_at LIMIT 500 FOR UPDATE SKIP LOCKED)
UPDATE batches b SET dispatched_at = now(), dispatches = b.dispatches + 1
FROM due WHERE b.id = due.id
RETURNING b.id

-- lock_turns --
-- The turns of several pharmacies, in one order for everybody.
SELECT pharmacy_id FROM pharmacy_turns WHERE pharmacy_id = ANY(%(pharmacies)s::bigint[]) ORDER BY pharmacy_id FOR UPDATE

-- lock_turns_if_free --
-- Those of the turns that nobody holds; nothing is waited for.
SELECT pharmacy_id FROM pharmacy_turns WHERE pharmacy_id = ANY(%(pharmacies)s::bigint[])
ORDER BY pharmacy_id FOR UPDATE SKIP LOCKED

-- grant_turns_if_free --
-- The lowest unfinished batch of each pharmacy gets the turn when it waits for it.
UPDATE batches b SET stage = CASE WHEN coalesce(b.chunks_left, 0) = 0 THEN 'finishing' ELSE 'upserting' END,
  dispatched_at = now(), dispatches = 0
FROM unnest(%(pharmacies)s::bigint[]) AS k (pharmacy_id)
CROSS JOIN LATERAL (
  SELECT id FROM batches WHERE pharmacy_id = k.pharmacy_id AND finished_at IS NULL ORDER BY received_seq LIMIT 1) n
WHERE b.id = n.id AND b.stage = 'waiting' RETURNING b.id, b.stage

-- next_received_seq --
-- The pharmacy's next number; its turn row is locked.
UPDATE pharmacy_turns SET last_seq = last_seq + 1 WHERE pharmacy_id = %(pharmacy_id)s RETURNING last_seq

-- lock_turns --
-- Lock the turns of pharmacies, always in the same order.
SELECT pharmacy_id FROM pharmacy_turns WHERE pharmacy_id = ANY(%(pharmacies)s::bigint[]) ORDER BY pharmacy_id FOR UPDATE

-- lock_turns_if_free --
-- Lock those of the turns that are free, without waiting.
SELECT pharmacy_id FROM pharmacy_turns WHERE pharmacy_id = ANY(%(pharmacies)s::bigint[])
ORDER BY pharmacy_id FOR UPDATE SKIP LOCKED

-- grant_turns_if_free --
-- Grant the turn to the lowest unfinished batch of each pharmacy if it waits.
UPDATE batches b SET stage = CASE WHEN coalesce(b.chunks_left, 0) = 0 THEN 'finishing' ELSE 'upserting' END,
  dispatched_at = now(), dispatches = 0
FROM unnest(%(pharmacies)s::bigint[]) AS k (pharmacy_id)
CROSS JOIN LATERAL (
  SELECT id FROM batches WHERE pharmacy_id = k.pharmacy_id AND finished_at IS NULL ORDER BY received_seq LIMIT 1) n
WHERE b.id = n.id AND b.stage = 'waiting' RETURNING b.id, b.stage

-- next_received_seq --
-- The pharmacy's next number. Its turn row is locked.
UPDATE pharmacy_turns SET last_seq = last_seq + 1 WHERE pharmacy_id = %(pharmacy_id)s RETURNING last_seq

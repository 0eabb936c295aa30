-- Clocks may be set back. A time further in the future than this hub ever sets one therefore counts as past:
-- more than 2 minutes for `next_attempt_at`, more than 1 minute for `lease_until`.

-- insert --
-- Insert a chunk at the end of its batch's split. It is COMPLETED at once if the table holds all its records.
INSERT INTO batch_chunks (batch_id, number, location, body_start, body_bytes, first_position, positions, records, ids,
  hashes, rejection, unchanged, merged, status, started_at, finished_at)
VALUES (%(batch_id)s, %(number)s, %(location)s, %(body_start)s, %(body_bytes)s, %(first_position)s,
  %(positions)s::bigint[], %(records)s, %(ids)s::bigint[], %(hashes)s::bigint[], %(rejection)s, %(unchanged)s, %(merged)s,
  CASE WHEN %(is_settled)s THEN 'COMPLETED' ELSE 'PENDING' END,
  CASE WHEN %(is_settled)s THEN now() END, CASE WHEN %(is_settled)s THEN now() END)

-- claim_free --
-- Claim chunks that are due and whose batch has the turn: all that never crashed a worker, or one that did.
WITH free AS MATERIALIZED (
  SELECT c.batch_id, c.number
  FROM unnest(%(batches)s::uuid[], %(numbers)s::int[]) AS k (batch_id, number)
  JOIN batch_chunks c ON c.batch_id = k.batch_id AND c.number = k.number JOIN batches b ON b.id = c.batch_id
  WHERE b.stage = 'upserting' AND c.status IN ('PENDING', 'RETRYING')
    AND coalesce(c.next_attempt_at, '-infinity') NOT BETWEEN now() AND now() + interval '2 minutes'
    AND (c.crashes > 0) = %(crashed)s
  ORDER BY c.batch_id, c.number LIMIT CASE WHEN %(crashed)s THEN 1 END FOR UPDATE OF c SKIP LOCKED)
UPDATE batch_chunks c SET status = 'PROCESSING', claim_token = %(token)s, worker_id = %(worker)s,
  lease_until = now() + make_interval(secs => %(lease)s), started_at = coalesce(c.started_at, now())
FROM free, batches b, pharmacies p
WHERE c.batch_id = free.batch_id AND c.number = free.number AND b.id = c.batch_id AND p.id = b.pharmacy_id
RETURNING c.batch_id, c.number, c.location, c.body_start, c.body_bytes, c.first_position, c.records, c.rejection, c.attempts,
  c.crashes, b.crashes AS batch_crashes, c.claim_token, b.chunks_total, b.pharmacy_id, p.has_products,
  NOT p.has_products AS fills_catalogue, b.kind, b.received_seq, b.origin_seq,
  (SELECT o.received_at FROM batches o WHERE o.id = b.parent_id) AS seen_at, b.load_type, b.media_type, b.encoding,
  p.cnpj, coalesce(b.read_zone, p.time_zone) AS time_zone, CASE WHEN c.location = 'body' THEN b.body END AS body

-- renew_if_held --
-- Renew the leases of chunks claimed together.
UPDATE batch_chunks SET lease_until = now() + make_interval(secs => %(lease)s)
WHERE batch_id = ANY(%(batches)s::uuid[]) AND finished_at IS NULL AND claim_token = %(token)s AND status = 'PROCESSING'
RETURNING number

-- list_unfinished --
-- Find one of these chunks that is not settled or was cancelled.
SELECT c.number FROM unnest(%(batches)s::uuid[], %(numbers)s::int[]) AS k (batch_id, number)
JOIN batch_chunks c ON c.batch_id = k.batch_id AND c.number = k.number
WHERE c.finished_at IS NULL OR c.status = 'CANCELLED' LIMIT 1

-- uncount_crash_if_lost --
-- Take back the crashes that were counted when the leases of a live worker expired.
UPDATE batch_chunks c SET crashes = c.crashes - 1
FROM unnest(%(batches)s::uuid[], %(numbers)s::int[]) AS k (batch_id, number)
WHERE c.batch_id = k.batch_id AND c.number = k.number AND c.claim_token IS DISTINCT FROM %(token)s
  AND c.finished_at IS NULL AND c.crashes > 0

-- lock_if_claimed --
-- Lock the chunks that this worker still holds. A worker writes nothing of a chunk that it does not hold.
SELECT c.batch_id, c.number, array_send(c.ids) AS ids, array_send(c.hashes) AS hashes
FROM unnest(%(batches)s::uuid[], %(numbers)s::int[]) AS k (batch_id, number)
JOIN batch_chunks c ON c.batch_id = k.batch_id AND c.number = k.number
WHERE c.claim_token = %(token)s AND c.status = 'PROCESSING'
ORDER BY c.batch_id, c.number FOR UPDATE OF c

-- complete --
-- Complete chunks with their counters, in the transaction that writes their products. It began before they were written.
UPDATE batch_chunks c SET status = 'COMPLETED', finished_at = clock_timestamp(), claim_token = NULL, lease_until = NULL,
  inserted = k.inserted, updated = k.updated, unchanged = k.unchanged, merged = k.merged,
  rejected = k.rejected, superseded = k.superseded, reactivated = k.reactivated, warnings = k.warnings
FROM unnest(%(batches)s::uuid[], %(numbers)s::int[], %(inserted)s::int[], %(updated)s::int[], %(unchanged)s::int[],
    %(merged)s::int[], %(rejected)s::int[], %(superseded)s::int[], %(reactivated)s::int[], %(warnings)s::int[])
  AS k (batch_id, number, inserted, updated, unchanged, merged, rejected, superseded, reactivated, warnings)
WHERE c.batch_id = k.batch_id AND c.number = k.number

-- release_if_claimed --
-- Release a chunk without using up an attempt, because a dependency failed.
UPDATE batch_chunks SET status = 'RETRYING', claim_token = NULL, lease_until = NULL, last_error = %(error)s,
  next_attempt_at = now() + make_interval(secs => %(delay)s)
WHERE batch_id = %(batch_id)s AND number = %(number)s AND claim_token = %(token)s AND status = 'PROCESSING'

-- retry_if_claimed --
-- Count a failed attempt and schedule the next one.
UPDATE batch_chunks SET status = 'RETRYING', claim_token = NULL, lease_until = NULL, attempts = attempts + 1,
  attempt_log = attempt_log || jsonb_build_array(jsonb_build_object('at', now(), 'error', %(error)s::text, 'culprit', %(culprit)s::text)),
  last_error = %(error)s, next_attempt_at = now() + make_interval(secs => %(delay)s)
WHERE batch_id = %(batch_id)s AND number = %(number)s AND claim_token = %(token)s AND status = 'PROCESSING'

-- dead_letter_if_claimed --
-- Fail a chunk for good after its last attempt.
UPDATE batch_chunks SET status = 'FAILED', claim_token = NULL, lease_until = NULL, attempts = attempts + 1,
  attempt_log = attempt_log || jsonb_build_array(jsonb_build_object('at', now(), 'error', %(error)s::text, 'culprit', %(culprit)s::text)),
  last_error = %(error)s, finished_at = now()
WHERE batch_id = %(batch_id)s AND number = %(number)s AND claim_token = %(token)s AND status = 'PROCESSING'
RETURNING number

-- dispatch_next --
-- Dispatch the next chunks of a batch, up to its share of `shared`, or up to `per_batch` if that is more. `shared` is
-- raised to 4 per running upsert worker, and divided among the batches in the stage `upserting`.
WITH next AS MATERIALIZED (
  SELECT number FROM batch_chunks
  WHERE batch_id = %(batch_id)s AND finished_at IS NULL AND status = 'PENDING' AND dispatched_at IS NULL
  ORDER BY number
  LIMIT greatest(0, greatest(%(per_batch)s, ceil(greatest(%(shared)s, 4 * (SELECT count(*) FROM workers
      WHERE 'upsert' = ANY (steps) AND left_at IS NULL AND seen_at > now() - interval '20 seconds'))::numeric / greatest(1, (SELECT count(*) FROM batches
      WHERE finished_at IS NULL AND stage = 'upserting')))) - (SELECT count(*) FROM batch_chunks
    WHERE batch_id = %(batch_id)s AND finished_at IS NULL AND dispatched_at IS NOT NULL))
  FOR UPDATE SKIP LOCKED)
UPDATE batch_chunks c SET dispatched_at = now(), dispatches = c.dispatches + 1
FROM next, batches b, pharmacies p
WHERE b.id = c.batch_id AND p.id = b.pharmacy_id AND b.stage = 'upserting'
  AND c.batch_id = %(batch_id)s AND c.number = next.number
RETURNING c.batch_id || '/' || c.number AS chunk_id, c.batch_id, b.pharmacy_id, p.cnpj, b.load_type,
  c.location AS chunk_uri, c.records AS items_count, c.number AS chunk_index, b.chunks_total AS total_chunks

-- due --
-- Dispatch chunks again that no worker holds: due retries, and chunks whose message may be lost.
WITH due AS MATERIALIZED (
  SELECT c.batch_id, c.number FROM batch_chunks c JOIN batches b ON b.id = c.batch_id
  WHERE b.stage = 'upserting' AND b.finished_at IS NULL AND c.finished_at IS NULL
    AND (c.status = 'PENDING' AND c.dispatched_at
        NOT BETWEEN now() - make_interval(secs => least(600, %(again)s * 2 ^ least(c.dispatches, 8))) AND now()
      OR c.status = 'RETRYING' AND c.next_attempt_at NOT BETWEEN now() AND now() + interval '2 minutes'
        AND (c.dispatched_at < c.next_attempt_at OR c.dispatched_at
          NOT BETWEEN now() - make_interval(secs => least(600, %(again)s * 2 ^ least(c.dispatches, 8))) AND now()))
  ORDER BY b.received_at, c.number LIMIT 500 FOR UPDATE OF c SKIP LOCKED)
UPDATE batch_chunks c SET dispatched_at = now(), dispatches = c.dispatches + 1
FROM due, batches b, pharmacies p
WHERE c.batch_id = due.batch_id AND c.number = due.number AND b.id = c.batch_id AND p.id = b.pharmacy_id
RETURNING c.batch_id || '/' || c.number AS chunk_id, c.batch_id, b.pharmacy_id, p.cnpj, b.load_type,
  c.location AS chunk_uri, c.records AS items_count, c.number AS chunk_index, b.chunks_total AS total_chunks

-- never_dispatched --
-- Find batches that have the turn and chunks that were never dispatched.
SELECT DISTINCT c.batch_id FROM batch_chunks c JOIN batches b ON b.id = c.batch_id
WHERE b.stage = 'upserting' AND b.finished_at IS NULL AND c.finished_at IS NULL AND c.dispatched_at IS NULL LIMIT 500

-- release_expired --
-- Release chunks whose lease expired, and count a crash for each.
WITH expired AS MATERIALIZED (
  SELECT c.batch_id, c.number, b.kind FROM batch_chunks c JOIN batches b ON b.id = c.batch_id AND b.finished_at IS NULL
  WHERE c.finished_at IS NULL AND c.status = 'PROCESSING'
    AND c.lease_until NOT BETWEEN now() AND now() + interval '1 minute' FOR UPDATE OF c SKIP LOCKED)
UPDATE batch_chunks c SET status = 'RETRYING', claim_token = NULL, lease_until = NULL, crashes = c.crashes + 1,
  next_attempt_at = now(), last_error = 'worker lost (lease expired)'
FROM expired WHERE c.batch_id = expired.batch_id AND c.number = expired.number
RETURNING c.batch_id, c.number, c.crashes, expired.kind

-- dead_letter_if_crash_limit --
-- Fail a chunk for good that crashed too many workers.
UPDATE batch_chunks SET status = 'FAILED', last_error = 'worker lost too often (lease expired)', finished_at = now()
WHERE batch_id = %(batch_id)s AND number = %(number)s AND status = 'RETRYING' AND crashes >= %(crashes)s
RETURNING location

-- decrement_chunks_left --
-- Decrement `chunks_left` of each batch. A batch that reaches 0 moves to the stage `finishing`.
WITH done AS MATERIALIZED (
  SELECT b.id, k.count FROM unnest(%(ids)s::uuid[], %(counts)s::int[]) AS k (id, count) JOIN batches b ON b.id = k.id
  ORDER BY b.id FOR UPDATE OF b)
UPDATE batches b SET chunks_left = b.chunks_left - done.count,
  stage = CASE WHEN b.chunks_left = done.count THEN 'finishing' ELSE b.stage END,
  dispatched_at = CASE WHEN b.chunks_left = done.count THEN now() ELSE b.dispatched_at END,
  dispatches = CASE WHEN b.chunks_left = done.count THEN 0 ELSE b.dispatches END
FROM done WHERE b.id = done.id RETURNING b.id, b.chunks_left

-- insert_batch --
-- Insert a batch that splits and applies the body of another batch again, in its place.
INSERT INTO batches (id, pharmacy_id, received_seq, origin_seq, kind, parent_id, load_type, media_type, encoding,
  item_count_claimed, body, location, bytes, stored_bytes, sha256, first_byte_at, dispatched_at)
SELECT %(id)s, pharmacy_id, %(received_seq)s, received_seq, 'replay', id, load_type, media_type, encoding,
  item_count_claimed, body, location, bytes, stored_bytes, sha256, now(), now()
FROM batches WHERE id = %(parent_id)s

-- insert_chunk_replay --
-- Insert a batch that applies dead chunks of another batch again. Their product ids are known already.
INSERT INTO batches (id, pharmacy_id, received_seq, origin_seq, kind, parent_id, load_type, media_type, encoding, body,
  bytes, sha256, stage, status, chunks_total, chunks_left, items_total, first_byte_at, started_at, split_at,
  read_zone)
SELECT %(id)s, b.pharmacy_id, %(received_seq)s, coalesce(b.origin_seq, b.received_seq), 'chunk_replay',
  coalesce(b.parent_id, b.id), b.load_type, b.media_type, b.encoding, b.body, b.bytes, b.sha256, 'waiting', 'PROCESSING',
  count(*), count(*), sum(d.records), now(), now(), now(), b.read_zone
FROM batches b JOIN dead_letters d ON d.batch_id = b.id
WHERE b.id = %(batch_id)s AND d.id = ANY(%(letters)s::bigint[]) AND d.settled_at IS NULL
GROUP BY b.id

-- insert_chunk_replay_chunks --
-- Insert the chunks of the dead letters. Their hashes are 0, because later batches may have changed the products.
INSERT INTO batch_chunks (batch_id, number, location, body_start, body_bytes, first_position, positions, records, ids,
  hashes, rejection)
SELECT %(id)s, row_number() OVER (ORDER BY d.chunk) - 1, d.location,
  CASE WHEN d.location = c.location THEN c.body_start END, c.body_bytes, c.first_position, c.positions, c.records, c.ids,
  array_fill(0::bigint, ARRAY[cardinality(c.ids)]), c.rejection
FROM dead_letters d JOIN batch_chunks c ON c.batch_id = d.batch_id AND c.number = d.chunk
WHERE d.batch_id = %(batch_id)s AND d.id = ANY(%(letters)s::bigint[]) AND d.settled_at IS NULL

-- lock_unresolved --
-- Lock the dead letters that are still open, and that the operation still has to replay.
SELECT id FROM dead_letters
WHERE id = ANY(%(letters)s::bigint[]) AND settled_at IS NULL
  AND bulk_operation_id = %(operation_id)s AND replay_asked_at IS NOT NULL
ORDER BY id FOR UPDATE

-- resolve_letters --
-- Resolve the dead letters whose records are in the new batch.
UPDATE dead_letters SET settled_at = now(), replayed_by = %(id)s
WHERE id = ANY(%(letters)s::bigint[]) AND settled_at IS NULL

-- reopen_letters --
-- Reopen the dead letters of chunks that a cancelled chunk replay did not apply. Its chunks have the order of the
-- letters.
WITH taken AS (
  SELECT id, row_number() OVER (ORDER BY chunk) - 1 AS number FROM dead_letters WHERE replayed_by = %(id)s)
UPDATE dead_letters d SET settled_at = NULL, replayed_by = NULL, replay_asked_at = NULL
FROM taken t JOIN batch_chunks c ON c.batch_id = %(id)s AND c.number = t.number AND c.status = 'CANCELLED'
WHERE d.id = t.id

-- pending --
-- A replay of the batch that is not final.
SELECT id FROM batches WHERE parent_id = %(parent_id)s AND kind = 'replay' AND finished_at IS NULL

-- is_newest --
-- Whether no load was received between a replayed batch and its replay.
SELECT NOT EXISTS (SELECT FROM batches WHERE pharmacy_id = %(pharmacy_id)s AND kind = 'load'
  AND received_seq > %(origin_seq)s AND received_seq < %(received_seq)s) AS newest

-- applied_later --
-- Products of a chunk that batches after the replayed one applied: one row for each product and batch, FULLs first.
WITH mine AS MATERIALIZED (
    SELECT DISTINCT i AS product_id FROM batch_chunks c CROSS JOIN LATERAL unnest(c.ids) AS i
    WHERE c.batch_id = %(batch_id)s AND c.number = %(number)s AND i > 0),
  had AS MATERIALIZED (
    SELECT l.id AS batch_id, l.load_type, coalesce(l.origin_seq, l.received_seq) AS seq, c.number, m.product_id,
      count(*) AS records
    FROM batches l JOIN batch_chunks c ON c.batch_id = l.id AND c.status = 'COMPLETED'
    CROSS JOIN LATERAL unnest(c.ids) AS i JOIN mine m ON m.product_id = i
    WHERE l.pharmacy_id = %(pharmacy_id)s AND l.kind IN ('load', 'replay', 'chunk_replay')
      AND l.received_seq < %(received_seq)s AND coalesce(l.origin_seq, l.received_seq) > %(origin_seq)s
    GROUP BY l.id, c.number, m.product_id)
SELECT h.product_id, h.batch_id, h.number, h.load_type, h.seq FROM had h
WHERE h.records > (SELECT count(*) FROM record_issues f WHERE f.batch_id = h.batch_id AND f.chunk = h.number
    AND f.severity = 'rejected' AND f.product_id = h.product_id::text)
  AND NOT EXISTS (SELECT FROM record_issues f WHERE f.batch_id = h.batch_id AND f.chunk = h.number
    AND f.product_id = h.product_id::text AND f.code IN ('title_missing', 'record_refused'))
ORDER BY h.load_type DESC, h.seq

-- absent_later --
-- Products of a chunk that a later FULL proved absent, whether it deactivated any or not, with the last such FULL.
WITH mine AS MATERIALIZED (
    SELECT DISTINCT i AS product_id FROM batch_chunks c CROSS JOIN LATERAL unnest(c.ids) AS i
    WHERE c.batch_id = %(batch_id)s AND c.number = %(number)s AND i > 0),
  gone AS MATERIALIZED (
    SELECT coalesce(b.origin_seq, b.received_seq) AS first, coalesce(b.origin_seq, b.received_seq) AS seq, b.finished_at
    FROM batches b
    WHERE b.pharmacy_id = %(pharmacy_id)s AND b.kind IN ('load', 'replay') AND b.absence_proven
      AND b.deactivation_state IN ('applied', 'none') AND b.full_from_seq IS NULL
    UNION ALL
    SELECT coalesce(b.full_from_seq, b.origin_seq, b.received_seq), max(o.received_seq), max(o.finished_at)
    FROM batches o JOIN batches b ON b.id = o.parent_id
    WHERE o.pharmacy_id = %(pharmacy_id)s AND o.finished_at IS NOT NULL
      AND (o.kind, b.deactivation_state) IN (('approval', 'approved'), ('window', 'applied'), ('window', 'none')) AND b.absence_proven
    GROUP BY b.id),
  later AS MATERIALIZED (SELECT * FROM gone WHERE first > %(origin_seq)s AND seq < %(received_seq)s),
  present AS MATERIALIZED (
    SELECT DISTINCT e.seq, m.product_id
    FROM later e JOIN batches l ON l.pharmacy_id = %(pharmacy_id)s AND l.kind IN ('load', 'replay', 'chunk_replay')
      AND l.received_seq < %(received_seq)s AND coalesce(l.origin_seq, l.received_seq) BETWEEN e.first AND e.seq
    JOIN batch_chunks c ON c.batch_id = l.id
    CROSS JOIN LATERAL unnest(c.ids) AS i JOIN mine m ON m.product_id = abs(i))
SELECT DISTINCT ON (m.product_id) m.product_id, e.seq, e.finished_at FROM mine m CROSS JOIN later e
WHERE NOT EXISTS (SELECT FROM present s WHERE s.seq = e.seq AND s.product_id = m.product_id)
ORDER BY m.product_id, e.seq DESC

-- needed_bodies --
-- Chunks of later DELTAs that hold products of a batch. The products of a batch that was never split are unknown, so
-- all later DELTAs count.
WITH mine AS MATERIALIZED (
    SELECT DISTINCT abs(i) AS product_id FROM batch_chunks c CROSS JOIN LATERAL unnest(c.ids) AS i
    WHERE c.batch_id = %(batch_id)s AND i <> 0)
SELECT DISTINCT c.batch_id, c.number, c.location, l.location AS body_location
FROM batches l JOIN batch_chunks c ON c.batch_id = l.id AND c.status = 'COMPLETED'
CROSS JOIN LATERAL unnest(c.ids) AS i LEFT JOIN mine m ON m.product_id = i
WHERE l.pharmacy_id = %(pharmacy_id)s AND l.kind IN ('load', 'replay', 'chunk_replay') AND l.load_type = 'delta'
  AND (m.product_id IS NOT NULL OR NOT EXISTS (SELECT FROM batch_chunks WHERE batch_id = %(batch_id)s))
  AND coalesce(l.origin_seq, l.received_seq) > %(origin_seq)s AND l.body IS NULL

-- chunks_of --
-- Where the records of chunks are, and the body behind each chunk.
SELECT c.batch_id, c.number, c.location, c.body_start, c.body_bytes, c.first_position, b.location AS body_location,
  b.body, b.media_type, b.encoding, b.load_type
FROM unnest(%(batches)s::uuid[], %(numbers)s::int[]) AS k (batch_id, number)
JOIN batch_chunks c ON c.batch_id = k.batch_id AND c.number = k.number JOIN batches b ON b.id = c.batch_id

-- insert_batch --
-- A batch to be split and applied again, in the place it had.
INSERT INTO batches (id, pharmacy_id, received_seq, origin_seq, kind, parent_id, load_type, media_type, encoding,
  item_count_claimed, body, location, bytes, sha256, first_byte_at, dispatched_at)
SELECT %(id)s, pharmacy_id, %(received_seq)s, received_seq, 'replay', id, load_type, media_type, encoding,
  item_count_claimed, body, location, bytes, sha256, now(), now()
FROM batches WHERE id = %(parent_id)s

-- insert_chunk_replay --
-- Dead chunks of a batch, to be applied again; what they hold is known already.
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
-- The chunks of the letters; their hashes are of no use, for the product may have gone on.
INSERT INTO batch_chunks (batch_id, number, location, body_start, body_bytes, first_position, records, ids, hashes,
  rejection)
SELECT %(id)s, row_number() OVER (ORDER BY d.chunk) - 1, d.location,
  CASE WHEN d.location = c.location THEN c.body_start END, c.body_bytes, c.first_position, c.records, c.ids,
  array_fill(0::bigint, ARRAY[cardinality(c.ids)]), c.rejection
FROM dead_letters d JOIN batch_chunks c ON c.batch_id = d.batch_id AND c.number = d.chunk
WHERE d.batch_id = %(batch_id)s AND d.id = ANY(%(letters)s::bigint[]) AND d.settled_at IS NULL

-- lock_unresolved --
-- The letters that still wait for a person.
SELECT id FROM dead_letters WHERE id = ANY(%(letters)s::bigint[]) AND settled_at IS NULL ORDER BY id FOR UPDATE

-- requested --
-- Letters whose replay was asked for, by batch, oldest first, no more than a round may take.
SELECT batch_id, array_agg(id ORDER BY id) AS letters
FROM (SELECT id, batch_id FROM dead_letters WHERE replay_asked_at IS NOT NULL AND settled_at IS NULL AND batch_id IS NOT NULL
  ORDER BY id LIMIT %(rate)s) d
GROUP BY batch_id ORDER BY min(id)

-- resolve_letters --
-- Their records are another batch's now.
UPDATE dead_letters SET settled_at = now(), replayed_by = %(id)s
WHERE id = ANY(%(letters)s::bigint[]) AND settled_at IS NULL

-- reopen_letters --
-- What a cancelled revival did not apply waits for a person again. Its chunks stand in the order of the letters.
WITH taken AS (
  SELECT id, row_number() OVER (ORDER BY chunk) - 1 AS number FROM dead_letters WHERE replayed_by = %(id)s)
UPDATE dead_letters d SET settled_at = NULL, replayed_by = NULL, replay_asked_at = NULL
FROM taken t JOIN batch_chunks c ON c.batch_id = %(id)s AND c.number = t.number AND c.status = 'CANCELLED'
WHERE d.id = t.id

-- pending --
-- A replay of the batch that is not final yet.
SELECT id FROM batches WHERE parent_id = %(parent_id)s AND kind = 'replay' AND finished_at IS NULL

-- is_newest --
-- Whether no load came between a replayed one and its replay.
SELECT NOT EXISTS (SELECT FROM batches WHERE pharmacy_id = %(pharmacy_id)s AND kind = 'load'
  AND received_seq > %(origin_seq)s AND received_seq < %(received_seq)s) AS newest

-- applied_later --
-- Which batches after the replayed one applied products of a chunk: a row a product and batch, FULLs before DELTAs.
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
-- Products of a chunk that a later FULL proved absent, whether it deactivated any or not: the last such time.
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
-- Later DELTAs that speak of a batch's products: the objects that tell what they said. Of a batch that was never split
-- nobody knows its products: all later DELTAs count.
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
-- Where chunks are kept, and the body behind each.
SELECT c.batch_id, c.number, c.location, c.body_start, c.body_bytes, c.first_position, b.location AS body_location,
  b.body, b.media_type, b.encoding, b.load_type
FROM unnest(%(batches)s::uuid[], %(numbers)s::int[]) AS k (batch_id, number)
JOIN batch_chunks c ON c.batch_id = k.batch_id AND c.number = k.number JOIN batches b ON b.id = c.batch_id

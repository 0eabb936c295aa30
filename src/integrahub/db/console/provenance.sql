-- product --
-- One product with all that a page shows of it.
SELECT p.*, CASE WHEN p.is_active THEN greatest(p.updated_at, f.full_seen_at) ELSE p.last_seen_at END AS seen_at
FROM products p JOIN pharmacies f ON f.id = p.pharmacy_id
WHERE p.pharmacy_id = %(pharmacy_id)s AND p.product_id = %(product_id)s

-- window --
-- The newest loads and replays before the cursor, up to a number of batches and of records, at least one. Dry runs
-- bring nothing.
WITH newest AS (
  SELECT received_seq, received_at, items_total, chunks_total, finished_at, rows_removed_at, report_removed_at,
    row_number() OVER previous AS number,
    coalesce(sum(items_total) OVER (previous ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS records_before
  FROM (SELECT * FROM batches
    WHERE pharmacy_id = %(pharmacy_id)s AND received_seq < %(before)s AND kind IN ('load', 'replay', 'chunk_replay')
    ORDER BY received_seq DESC LIMIT %(max_batches)s + 1) b
  WINDOW previous AS (ORDER BY received_seq DESC)),
marked AS (SELECT *, number <= %(max_batches)s AND records_before < %(max_records)s AS is_read FROM newest)
SELECT count(*) FILTER (WHERE is_read) AS batches,
  coalesce(sum(items_total) FILTER (WHERE is_read), 0)::bigint AS records,
  count(*) FILTER (WHERE is_read AND chunks_total IS NULL AND finished_at IS NULL) AS unsplit,
  count(*) FILTER (WHERE is_read AND coalesce(chunks_total, 0) = 0 AND finished_at IS NOT NULL) AS broken,
  count(*) FILTER (WHERE is_read AND rows_removed_at IS NOT NULL) AS removed,
  count(*) FILTER (WHERE is_read AND report_removed_at IS NOT NULL) AS unreported,
  min(received_seq) FILTER (WHERE is_read) AS first_seq, max(received_seq) FILTER (WHERE is_read) AS last_seq,
  min(received_at) FILTER (WHERE is_read) AS since, coalesce(bool_or(NOT is_read), false) AS has_older
FROM marked

-- sightings --
-- Chunks of the window with records of the product, newest first. A negative id is of a record that another chunk
-- applies. OFFSET 0 keeps the planner from reading chunks of other pharmacies.
WITH found AS MATERIALIZED (
  SELECT b.id AS batch_id, b.received_seq, b.parent_id, b.kind, b.load_type, b.status, b.received_at, b.api_key_id,
    c.number AS chunk, c.status AS chunk_status, s.slots, c.positions, c.first_position
  FROM batches b
  CROSS JOIN LATERAL (SELECT k.number, k.status, k.ids, k.positions, k.first_position FROM batch_chunks k
    WHERE k.batch_id = b.id OFFSET 0) c
  CROSS JOIN LATERAL (SELECT array_positions(c.ids, %(product_id)s::bigint) AS slots) s
  WHERE b.pharmacy_id = %(pharmacy_id)s AND b.received_seq BETWEEN %(first_seq)s AND %(last_seq)s
    AND b.kind IN ('load', 'replay', 'chunk_replay') AND %(product_id)s::bigint = ANY(c.ids)),
page AS (SELECT * FROM found ORDER BY received_seq DESC, chunk DESC LIMIT %(limit)s)
SELECT f.*, cardinality(f.slots) AS records, (SELECT a.hint FROM api_keys a WHERE a.id = f.api_key_id) AS key_hint,
  coalesce(f.positions[f.slots[cardinality(f.slots)]], f.first_position + f.slots[cardinality(f.slots)] - 1) AS position,
  (SELECT count(DISTINCT batch_id) FROM found) AS batches
FROM page f ORDER BY f.received_seq DESC, f.chunk DESC

-- refusals --
-- Rejected records of the window with this product id or this EAN, newest first.
WITH found AS MATERIALIZED (
  SELECT b.id AS batch_id, b.received_seq, b.parent_id, b.kind, b.load_type, b.status, b.received_at, b.api_key_id,
    i.chunk, i.position, i.byte_offset, i.product_id, i.field, i.code, i.value, i.key
  FROM batches b
  CROSS JOIN LATERAL (
    SELECT p.* FROM record_issues p
      WHERE p.batch_id = b.id AND p.product_id = %(product)s::text AND p.severity = 'rejected'
    UNION
    SELECT e.* FROM record_issues e
      WHERE e.batch_id = b.id AND e.ean = %(ean)s::text AND e.severity = 'rejected' AND e.ean <> '') i
  WHERE b.pharmacy_id = %(pharmacy_id)s AND b.received_seq BETWEEN %(first_seq)s AND %(last_seq)s
    AND b.kind IN ('load', 'replay', 'chunk_replay') AND (b.finished_at IS NULL OR b.rejected > 0)),
page AS (SELECT * FROM found ORDER BY received_seq DESC, position DESC LIMIT %(limit)s)
SELECT f.*, (SELECT a.hint FROM api_keys a WHERE a.id = f.api_key_id) AS key_hint,
  (SELECT count(DISTINCT batch_id) FROM found) AS batches
FROM page f ORDER BY f.received_seq DESC, f.position DESC

-- issues --
-- Rejections and warnings of the product in some batches.
SELECT i.batch_id, i.chunk, i.position, i.severity, i.field, i.code, i.value, i.key
FROM unnest(%(batches)s::uuid[]) AS b (id) JOIN record_issues i ON i.batch_id = b.id AND i.product_id = %(product)s::text
ORDER BY i.batch_id, i.position, i.field, i.code LIMIT %(limit)s

-- changes_of_batches --
-- What some batches changed of the product; `reset` if they filled an empty catalogue. A change is never older than the
-- receipt of its batch, so older partitions are not read.
SELECT c.seq, c.kind FROM product_changes c
WHERE c.pharmacy_id = %(pharmacy_id)s AND c.product_id IN (0, %(product_id)s) AND c.seq = ANY(%(seqs)s::bigint[])
  AND c.at >= %(since)s::timestamptz - interval '1 day'

-- value_changes --
-- The newest changes of a product: those of the stock alone are many, so they have a limit of their own. The first load
-- has one `reset` for all products.
(SELECT c.seq, c.kind, c.at, c.at AS applied_at, c.batch_id, c.fields FROM product_changes c
  WHERE c.pharmacy_id = %(pharmacy_id)s AND c.product_id = %(product_id)s AND NOT c.stock_only
  ORDER BY c.seq DESC LIMIT %(limit)s)
UNION ALL
(SELECT c.seq, c.kind, c.at, c.at, c.batch_id, c.fields FROM product_changes c
  WHERE c.pharmacy_id = %(pharmacy_id)s AND c.product_id = %(product_id)s AND c.stock_only
  ORDER BY c.seq DESC LIMIT %(stock_limit)s)
UNION ALL
(SELECT c.seq, c.kind, c.at, p.created_at, c.batch_id, c.fields FROM product_changes c
  JOIN batches r ON r.id = c.batch_id
  JOIN products p ON p.pharmacy_id = c.pharmacy_id AND p.product_id = %(product_id)s
    AND p.created_at BETWEEN r.started_at AND coalesce(r.finished_at, 'infinity')
  WHERE c.pharmacy_id = %(pharmacy_id)s AND c.product_id = 0
    AND NOT EXISTS (SELECT FROM product_changes i
      WHERE i.pharmacy_id = c.pharmacy_id AND i.product_id = %(product_id)s AND i.kind = 'inserted')
  ORDER BY c.seq DESC LIMIT 1)
ORDER BY seq DESC

-- change_sources --
-- The batches of some changes, and the chunk and the last record with which each was applied.
SELECT b.id AS batch_id, b.received_seq, b.parent_id, b.kind, b.load_type, b.status, b.received_at,
  (SELECT a.hint FROM api_keys a WHERE a.id = b.api_key_id) AS key_hint,
  coalesce(d.deactivation_state, b.deactivation_state) AS deactivation_state, c.number AS chunk, c.position
FROM unnest(%(batches)s::uuid[], %(times)s::timestamptz[]) AS w (batch_id, applied_at)
JOIN batches b ON b.id = w.batch_id LEFT JOIN batches d ON d.id = b.parent_id AND b.kind IN ('approval', 'window')
LEFT JOIN LATERAL (
  SELECT k.number, (SELECT max(coalesce(k.positions[slot.number], k.first_position + slot.number - 1))
    FROM unnest(array_positions(k.ids, %(product_id)s::bigint)) AS slot (number)) AS position
  FROM batch_chunks k
  WHERE k.batch_id = b.id AND w.applied_at BETWEEN k.started_at AND k.finished_at AND k.status = 'COMPLETED'
    AND %(product_id)s::bigint = ANY(k.ids)
  LIMIT 1) c ON true

-- record_places --
-- Where a batch of the pharmacy has the records of the product: the chunks that apply them, and the body behind.
SELECT c.batch_id, c.number, c.location, c.body_start, c.body_bytes, c.first_position, b.body, b.media_type, b.encoding,
  b.location AS body_location,
  ARRAY(SELECT coalesce(c.positions[slot.number], c.first_position + slot.number - 1)
    FROM unnest(array_positions(c.ids, %(product_id)s::bigint)) WITH ORDINALITY AS slot (number, rank)
    WHERE coalesce(c.positions[slot.number], c.first_position) IS NOT NULL ORDER BY slot.rank) AS positions
FROM batches b JOIN batch_chunks c ON c.batch_id = b.id
WHERE b.id = %(batch_id)s AND b.pharmacy_id = %(pharmacy_id)s AND %(product_id)s::bigint = ANY(c.ids)
ORDER BY c.number LIMIT %(limit)s

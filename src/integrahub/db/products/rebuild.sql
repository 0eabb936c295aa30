-- begin --
-- Read one snapshot from here on.
SET TRANSACTION ISOLATION LEVEL REPEATABLE READ

-- set_timeouts --
-- Lift the time limits: the process reads bodies between the statements.
SELECT set_config('statement_timeout', '0', true), set_config('idle_in_transaction_session_timeout', '0', true)

-- loads --
-- List the applied loads and replays of a pharmacy, in the order in which they count. No earlier one is missing if all
-- numbers before its own are in the table.
WITH known AS (
  SELECT b.received_seq, row_number() OVER (ORDER BY b.received_seq) AS ordinal
  FROM batches b JOIN pharmacies p ON p.id = b.pharmacy_id WHERE p.cnpj = %(cnpj)s)
SELECT b.id, b.kind, b.received_seq, coalesce(b.origin_seq, b.received_seq) AS origin, b.load_type, b.media_type,
  b.encoding, b.items_total, b.body IS NOT NULL AS is_inline, coalesce(b.location, o.location) AS location, p.cnpj,
  coalesce(b.read_zone, p.time_zone) AS time_zone, k.ordinal = b.received_seq AS has_first
FROM batches b JOIN known k ON k.received_seq = b.received_seq JOIN pharmacies p ON p.id = b.pharmacy_id LEFT JOIN batches o ON o.id = b.parent_id
WHERE p.cnpj = %(cnpj)s AND b.kind IN ('load', 'replay', 'chunk_replay')
  AND (b.rows_removed_at IS NOT NULL
    OR EXISTS (SELECT FROM batch_chunks c WHERE c.batch_id = b.id AND c.status = 'COMPLETED'))
ORDER BY origin, b.received_seq

-- body --
-- Read the body of a batch whose row holds it.
SELECT body FROM batches WHERE id = %(id)s

-- applied_ids --
-- Read the product ids of the chunks that were applied.
SELECT ids FROM batch_chunks WHERE batch_id = %(id)s AND status = 'COMPLETED'

-- refused_ids --
-- List products whose records were decoded but not written.
SELECT DISTINCT product_id FROM record_issues
WHERE batch_id = %(id)s AND code IN ('title_missing', 'record_refused', 'product_repeated')

-- create_rebuilt --
-- Create the rebuilt catalogue. `last_seq` is the number of the last batch that had the product. A product `is_complete`
-- if all its columns are known. `columns` holds those that are not blank.
CREATE TEMP TABLE rebuilt (
  product_id bigint PRIMARY KEY, last_seq bigint NOT NULL, is_complete boolean NOT NULL, is_active boolean NOT NULL DEFAULT true,
  columns jsonb NOT NULL
) ON COMMIT DROP

-- create_stage --
-- Create the stage for the products of one batch.
CREATE TEMP TABLE rebuilt_stage (product_id bigint, columns jsonb) ON COMMIT DROP

-- clear_stage --
-- Delete the products of the batch before.
TRUNCATE rebuilt_stage

-- copy_stage --
-- Stage products of one batch.
COPY rebuilt_stage FROM STDIN

-- fold_full --
-- Merge a FULL: its record replaces the product.
INSERT INTO rebuilt (product_id, last_seq, is_complete, columns)
SELECT product_id, %(origin)s, true, columns FROM rebuilt_stage
ON CONFLICT (product_id) DO UPDATE SET last_seq = excluded.last_seq, is_complete = true, columns = excluded.columns

-- fold_delta --
-- Merge a DELTA: its record changes some columns. A product that it begins is complete only if no earlier batch is
-- missing.
INSERT INTO rebuilt AS r (product_id, last_seq, is_complete, columns)
SELECT product_id, %(origin)s, %(from_start)s, columns FROM rebuilt_stage
ON CONFLICT (product_id) DO UPDATE SET last_seq = excluded.last_seq, columns = r.columns || excluded.columns ||
  CASE WHEN excluded.columns ? 'extra'
    THEN jsonb_build_object('extra', coalesce(r.columns -> 'extra', '{}') || (excluded.columns -> 'extra'))
    ELSE '{}' END

-- force_hash_antijoin --
-- Force a hash antijoin: PostgreSQL has no statistics of the temporary tables.
SELECT set_config('jit', 'off', true), set_config('enable_nestloop', 'off', true)

-- deactivate_absent --
-- Deactivate products by each applied deactivation: those that its batches did not have, unless a later batch had them.
WITH pharmacy AS (SELECT id FROM pharmacies WHERE cnpj = %(cnpj)s),
  absences AS MATERIALIZED (
    SELECT coalesce(b.origin_seq, b.received_seq) AS first, b.received_seq AS decided
    FROM batches b JOIN pharmacy f ON f.id = b.pharmacy_id
    WHERE b.kind IN ('load', 'replay') AND b.absence_proven AND b.deactivation_state IN ('applied', 'none')
      AND b.full_from_seq IS NULL
    UNION ALL
    SELECT coalesce(b.full_from_seq, b.origin_seq, b.received_seq), max(o.received_seq)
    FROM batches o JOIN pharmacy f ON f.id = o.pharmacy_id JOIN batches b ON b.id = o.parent_id
    WHERE o.finished_at IS NOT NULL
      AND (o.kind, b.deactivation_state) IN (('approval', 'approved'), ('window', 'applied'), ('window', 'none')) AND b.absence_proven
    GROUP BY b.id),
  present AS MATERIALIZED (
    SELECT DISTINCT e.decided, abs(i) AS product_id
    FROM absences e CROSS JOIN pharmacy f JOIN batches l ON l.pharmacy_id = f.id AND l.kind IN ('load', 'replay', 'chunk_replay')
      AND l.received_seq <= e.decided AND coalesce(l.origin_seq, l.received_seq) >= e.first
    JOIN batch_chunks c ON c.batch_id = l.id CROSS JOIN LATERAL unnest(c.ids) AS i)
UPDATE rebuilt r SET is_active = false
FROM absences e
WHERE e.first > r.last_seq
  AND NOT EXISTS (SELECT FROM present s WHERE s.decided = e.decided AND s.product_id = r.product_id)

-- compare --
-- List products whose row differs from the rebuilt one, with the columns that differ. `found` counts all of them.
WITH stored AS (
    SELECT p.product_id, to_jsonb(p) AS columns FROM products p JOIN pharmacies f ON f.id = p.pharmacy_id
    WHERE f.cnpj = %(cnpj)s),
  expected AS (
    SELECT product_id, is_complete, to_jsonb(jsonb_populate_record(NULL::products, %(blank)s::jsonb || columns ||
      jsonb_build_object('is_active', is_active))) AS columns FROM rebuilt),
  compared AS (
    SELECT coalesce(h.product_id, t.product_id) AS product_id,
      CASE WHEN h.product_id IS NULL THEN 'missing' WHEN t.product_id IS NULL THEN 'unexpected' ELSE 'different' END AS finding,
      ARRAY(SELECT name FROM unnest(%(names)s::text[]) AS name
        WHERE (h.columns -> name) IS DISTINCT FROM (t.columns -> name)) AS columns
    FROM stored h FULL JOIN expected t ON t.product_id = h.product_id
    WHERE coalesce(t.is_complete, %(from_start)s))
SELECT product_id, finding, CASE finding WHEN 'different' THEN columns ELSE '{}' END AS columns, count(*) OVER () AS found
FROM compared WHERE cardinality(columns) > 0 ORDER BY product_id LIMIT %(limit)s

-- count_compared --
-- Count the products that were compared, and those of which too few bodies are stored.
SELECT count(*) FILTER (WHERE coalesce(r.is_complete, %(from_start)s)) AS judged,
  count(*) FILTER (WHERE NOT coalesce(r.is_complete, %(from_start)s)) AS unjudged
FROM (SELECT p.product_id FROM products p JOIN pharmacies f ON f.id = p.pharmacy_id WHERE f.cnpj = %(cnpj)s) h
FULL JOIN rebuilt r ON r.product_id = h.product_id

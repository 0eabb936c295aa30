-- supersede_held --
-- Close the open decisions of earlier FULLs, because a newer FULL replaces them.
UPDATE batches b SET deactivation_state = 'superseded'
WHERE b.pharmacy_id = %(pharmacy_id)s AND coalesce(b.origin_seq, b.received_seq) < %(received_seq)s
  AND b.deactivation_state IN ('held', 'waiting')

-- mark_full_seen --
-- Record that the FULL of this number had every active product. Absent products are deactivated before, so they keep
-- their date.
UPDATE pharmacies p SET full_seen_at = b.received_at
FROM batches b
WHERE p.id = %(pharmacy_id)s AND b.pharmacy_id = p.id AND b.received_seq = %(received_seq)s
  AND coalesce(p.full_seen_at, '-infinity') < b.received_at

-- force_hash_antijoin --
-- Force one hash of the ids that are present, whatever the statistics of arrays and of a fresh table suggest.
SELECT set_config('jit', 'off', true), set_config('enable_nestloop', 'off', true),
  set_config('enable_mergejoin', 'off', true), set_config('enable_seqscan', 'off', true)

-- count_active --
-- Count the active products as all minus the inactive ones: both counts are index-only where the table was vacuumed.
SELECT (SELECT count(*) FROM products WHERE pharmacy_id = %(pharmacy_id)s)
  - (SELECT count(*) FROM products WHERE pharmacy_id = %(pharmacy_id)s AND NOT is_active) AS active

-- count_candidates --
-- Count the active products, and those of them that are in no chunk of the listed batches.
WITH present AS (
  SELECT abs(i) AS product_id FROM batch_chunks c CROSS JOIN LATERAL unnest(c.ids) AS i
  WHERE c.batch_id = ANY(%(batches)s::uuid[])
)
SELECT (SELECT count(*) FROM products WHERE pharmacy_id = %(pharmacy_id)s AND is_active) AS active,
  (SELECT count(*) FROM products p WHERE p.pharmacy_id = %(pharmacy_id)s AND p.is_active
    AND NOT EXISTS (SELECT FROM present s WHERE s.product_id = p.product_id)) AS candidates

-- deactivate_absent --
-- Deactivate the products that are in no chunk of the listed batches, and record it.
WITH present AS (
  SELECT abs(i) AS product_id FROM batch_chunks c CROSS JOIN LATERAL unnest(c.ids) AS i
  WHERE c.batch_id = ANY(%(batches)s::uuid[])
),
absent AS (
UPDATE products p SET is_active = false, deactivated_at = now(), record_hash = NULL, batch_id = %(batch_id)s,
  last_seen_at = greatest(p.updated_at, (SELECT full_seen_at FROM pharmacies WHERE id = %(pharmacy_id)s)),
  updated_at = clock_timestamp()
WHERE p.pharmacy_id = %(pharmacy_id)s AND p.is_active
  AND NOT EXISTS (SELECT FROM present s WHERE s.product_id = p.product_id)
RETURNING new.pharmacy_id, new.product_id, new.batch_id),
recorded AS (
INSERT INTO product_changes (pharmacy_id, seq, product_id, batch_id, kind)
SELECT pharmacy_id, (SELECT received_seq FROM batches WHERE id = %(batch_id)s), product_id, batch_id, 'deactivated'
FROM absent)
SELECT count(*) FROM absent

-- later_loads --
-- The loads and replays of a pharmacy from the number `first` on, received up to the number `until`.
SELECT id, inserted, reactivated FROM batches
WHERE pharmacy_id = %(pharmacy_id)s AND kind IN ('load', 'replay', 'chunk_replay')
  AND coalesce(origin_seq, received_seq) >= %(first)s AND received_seq <= %(until)s

-- The merge of the same transaction has forced a plan over primary keys.

-- count_active --
-- Count the active products of the pharmacy of each FULL as all minus the inactive ones, and read its settings.
SELECT p.deactivation_limit, p.full_window_minutes, b.item_count_claimed,
  (SELECT count(*) FROM products x WHERE x.pharmacy_id = p.id)
    - (SELECT count(*) FROM products x WHERE x.pharmacy_id = p.id AND NOT x.is_active) AS active
FROM unnest(%(batches)s::uuid[]) WITH ORDINALITY AS k (batch_id, n)
JOIN batches b ON b.id = k.batch_id JOIN pharmacies p ON p.id = b.pharmacy_id
ORDER BY k.n

-- count_present --
-- Count the active products among the ids of each FULL.
SELECT (SELECT count(*) FROM unnest(k.ids::bigint[]) AS i CROSS JOIN LATERAL (
    SELECT FROM products x WHERE x.pharmacy_id = k.pharmacy_id AND x.product_id = i AND x.is_active LIMIT 1) p) AS present
FROM unnest(%(pharmacies)s::bigint[], %(ids)s::text[]) WITH ORDINALITY AS k (pharmacy_id, ids, n)
ORDER BY k.n

-- supersede_held --
-- Close the open decisions of these pharmacies, because newer FULLs replace them. All are of earlier batches.
UPDATE batches b SET deactivation_state = 'superseded'
WHERE b.pharmacy_id = ANY(%(pharmacies)s::bigint[]) AND b.deactivation_state IN ('held', 'waiting')

-- force_hash_join --
-- Allow the hash of present ids with which absent products are deactivated.
SELECT set_config('enable_hashjoin', 'on', true), set_config('enable_nestloop', 'off', true)

-- force_nested_loop --
-- Return to a plan over primary keys.
SELECT set_config('enable_hashjoin', 'off', true), set_config('enable_nestloop', 'on', true)

-- mark_full_seen --
-- Record that these FULLs had every active product. Absent products are deactivated before, so they keep their date.
UPDATE pharmacies p SET full_seen_at = b.received_at
FROM batches b
WHERE b.id = ANY(%(batches)s::uuid[]) AND p.id = b.pharmacy_id
  AND coalesce(p.full_seen_at, '-infinity') < b.received_at

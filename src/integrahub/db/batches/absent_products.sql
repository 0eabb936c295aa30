-- deactivation --
-- The deactivation of a batch. `first` is the number of the first load that counts for it. `deciders` are the numbers of
-- the batches that may have deactivated products for it: its own, and those of operations on it.
SELECT b.id AS batch_id, b.pharmacy_id, b.kind, coalesce(d.deactivation_state, b.deactivation_state) AS state,
  coalesce(d.deactivated, b.deactivated) AS deactivated,
  coalesce(b.full_from_seq, b.origin_seq, b.received_seq) AS first, b.rows_removed_at, b.finished_at,
  ARRAY(SELECT b.received_seq UNION ALL SELECT o.received_seq FROM batches o
    WHERE o.parent_id = b.id AND o.kind IN ('approval', 'window')) AS deciders
FROM batches b LEFT JOIN dry_runs d ON d.batch_id = b.id WHERE b.id = %(batch_id)s

-- held --
-- Ids of the products that the approval of a held deactivation would deactivate now: active, and in no chunk of the batch or
-- of a load since. One page of them, or all if `limit` is null: each run builds the whole antijoin.
WITH present AS (
  SELECT abs(i) AS product_id FROM batches l JOIN batch_chunks c ON c.batch_id = l.id CROSS JOIN LATERAL unnest(c.ids) AS i
  WHERE l.pharmacy_id = %(pharmacy_id)s AND (l.id = %(batch_id)s
    OR l.kind IN ('load', 'replay', 'chunk_replay') AND coalesce(l.origin_seq, l.received_seq) >= %(first)s)
)
SELECT p.product_id FROM products p
WHERE p.pharmacy_id = %(pharmacy_id)s AND p.is_active AND p.product_id > %(after)s
  AND (%(in_stock)s::boolean IS NULL OR (coalesce(p.stock, 0) > 0) = %(in_stock)s)
  AND NOT EXISTS (SELECT FROM present s WHERE s.product_id = p.product_id)
ORDER BY p.product_id LIMIT %(limit)s

-- by_ids --
-- Products of these ids.
SELECT p.product_id, p.title, p.ean, p.price, p.stock FROM products p
WHERE p.pharmacy_id = %(pharmacy_id)s AND p.product_id = ANY(%(ids)s) ORDER BY p.product_id

-- applied --
-- One page of the products that a batch or an operation on it deactivated.
SELECT p.product_id, p.title, p.ean, p.price, p.stock
FROM (SELECT DISTINCT product_id FROM product_changes WHERE pharmacy_id = %(pharmacy_id)s AND seq = ANY(%(deciders)s)
  AND kind = 'deactivated' AND product_id > %(after)s) c
JOIN products p ON p.pharmacy_id = %(pharmacy_id)s AND p.product_id = c.product_id
WHERE %(in_stock)s::boolean IS NULL OR (coalesce(p.stock, 0) > 0) = %(in_stock)s
ORDER BY p.product_id LIMIT %(limit)s

-- rehearsed --
-- One page of the products that a dry run would have deactivated at once.
SELECT p.product_id, p.title, p.ean, p.price, p.stock
FROM dry_run_changes c JOIN products p ON p.pharmacy_id = c.pharmacy_id AND p.product_id = c.product_id
WHERE c.pharmacy_id = %(pharmacy_id)s AND c.batch_id = %(batch_id)s AND c.kind = 'deactivated' AND c.product_id > %(after)s
  AND (%(in_stock)s::boolean IS NULL OR (coalesce(p.stock, 0) > 0) = %(in_stock)s)
ORDER BY p.product_id LIMIT %(limit)s

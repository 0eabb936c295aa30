-- held --
-- One page of the held deactivations, oldest first.
SELECT b.id, p.cnpj, p.name, p.time_zone, b.received_at, b.items_total, b.deactivation_candidates AS candidates,
  b.deactivation_active AS active,
  EXISTS (SELECT FROM batches o WHERE o.parent_id = b.id AND o.finished_at IS NULL) AS is_pending
FROM batches b JOIN pharmacies p ON p.id = b.pharmacy_id
WHERE b.deactivation_state = 'held'
  AND (%(q)s::text IS NULL OR p.cnpj = %(q)s OR fold_text(p.name) LIKE fold_text(%(pattern)s))
  AND (b.received_at, b.id) > (%(after)s, %(after_id)s)
ORDER BY b.received_at, b.id LIMIT %(limit)s

-- decision --
-- A batch whose deactivation is or was held.
SELECT b.id AS batch_id, b.pharmacy_id, b.received_seq, b.received_at, b.media_type, b.item_count_claimed,
  b.unreadable_ids, coalesce(b.full_from_seq, b.origin_seq, b.received_seq) AS first,
  p.deactivation_limit::float8 AS deactivation_limit, b.rows_removed_at, b.deactivation_state = 'held' AS is_held,
  (SELECT o.id FROM batches o WHERE o.parent_id = b.id AND o.kind = 'approval' ORDER BY o.received_seq DESC LIMIT 1)
    AS pending_id
FROM batches b JOIN pharmacies p ON p.id = b.pharmacy_id
WHERE b.id = %(batch_id)s AND (b.deactivation_state = 'held' OR b.deactivation_reason IS NOT NULL)

-- evidence --
-- Count the products that an approval would deactivate now, and list the largest categories of which every active
-- product is absent. One pass over the products.
, by_category AS (
  SELECT category, count(*) AS active, count(*) FILTER (WHERE is_absent) AS absent,
    count(*) FILTER (WHERE is_absent AND stock > 0) AS in_stock,
    count(*) FILTER (WHERE is_absent AND updated_at > %(received_at)s - interval '7 days') AS recent
  FROM judged GROUP BY category)
SELECT coalesce(sum(active), 0)::bigint AS active, coalesce(sum(absent), 0)::bigint AS absent,
  coalesce(sum(in_stock), 0)::bigint AS in_stock, coalesce(sum(recent), 0)::bigint AS recent,
  (SELECT coalesce(json_agg(json_build_object('category', c.category, 'count', c.absent)
      ORDER BY c.absent DESC, c.category), '[]')
    FROM (SELECT category, absent FROM by_category WHERE category <> '' AND absent = active
      ORDER BY absent DESC, category LIMIT 5) c) AS categories
FROM by_category

-- products --
-- The products that an approval would deactivate now, each with the load type of the batch that last changed it.
, absent AS (
  SELECT product_id, title, ean, price::float8 AS price, stock::float8 AS stock, updated_at, batch_id,
    CASE %(sort)s WHEN 'stock' THEN -coalesce(stock, 0)::float8 WHEN 'price' THEN -coalesce(price, 0)::float8
      WHEN 'updated' THEN -extract(epoch FROM updated_at)::float8 ELSE 0 END AS sort_key
  FROM judged
  WHERE is_absent AND (NOT %(in_stock)s::boolean OR stock > 0)
    AND (%(pattern)s::text IS NULL OR search_text LIKE fold_text(%(pattern)s) OR ean = %(q)s
      OR product_id::text = %(q)s))
SELECT a.*, (SELECT b.load_type FROM batches b WHERE b.id = a.batch_id) AS batch_type FROM (SELECT * FROM absent

-- sorted_page --
-- End with one page by the sort key, after the cursor.
WHERE %(after_id)s::bigint IS NULL OR (sort_key, product_id) > (%(after_key)s, %(after_id)s)
ORDER BY sort_key, product_id LIMIT %(limit)s) a

-- page_by_id --
-- End with one page in the order of ids, after the cursor. It reads the primary key no further than the page.
WHERE product_id > coalesce(%(after_id)s::bigint, 0)
ORDER BY product_id LIMIT %(limit)s) a

-- judged --
-- Begin with the active products of a pharmacy, and whether each is absent: in no chunk of the FULL or of a load since.
-- A replay counts by its origin, which was received before it.
WITH judged AS (
  SELECT p.*, s.product_id IS NULL AS is_absent
  FROM products p LEFT JOIN (
    SELECT DISTINCT abs(i) AS product_id
    FROM batch_chunks c CROSS JOIN LATERAL unnest(c.ids) AS i
    WHERE c.batch_id = ANY (ARRAY(SELECT l.id FROM batches l
      WHERE l.pharmacy_id = %(pharmacy_id)s AND l.received_seq >= %(first)s AND (l.id = %(batch_id)s
        OR l.kind IN ('load', 'replay', 'chunk_replay') AND coalesce(l.origin_seq, l.received_seq) >= %(first)s)))) s
    ON s.product_id = p.product_id
  WHERE p.pharmacy_id = %(pharmacy_id)s AND p.is_active)

-- force_merge_antijoin --
-- Force the plan of a page in the order of ids: products by their primary key, joined with the sorted ids.
SELECT set_config('jit', 'off', true), set_config('enable_nestloop', 'off', true),
  set_config('enable_hashjoin', 'off', true), set_config('enable_seqscan', 'off', true)

-- former_fulls --
-- The sizes of the latest FULLs of the pharmacy up to this one, among its latest batches.
SELECT id, received_at, items_total FROM (
  SELECT id, received_at, received_seq, kind, load_type, items_total FROM batches
  WHERE pharmacy_id = %(pharmacy_id)s AND received_seq <= %(received_seq)s
  ORDER BY received_seq DESC LIMIT 20000) b
WHERE kind = 'load' AND load_type = 'full' AND items_total IS NOT NULL ORDER BY received_seq DESC LIMIT 6

-- replaced_by --
-- The first FULL after a batch that took over its decision.
SELECT id, received_at, received_seq, kind, load_type, status, deactivation_state FROM batches
WHERE pharmacy_id = %(pharmacy_id)s AND received_seq > %(received_seq)s AND load_type = 'full'
  AND kind IN ('load', 'replay') AND status IN ('COMPLETED', 'PARTIAL_FAIL')
ORDER BY received_seq LIMIT 1

-- entries --
-- The latest decision on a deactivation, as the audit log has it.
SELECT actor, action, at, before FROM audit_log
WHERE subject = %(subject)s AND action IN ('batch.approve', 'batch.reject') AND outcome = 'done' ORDER BY id DESC LIMIT 1

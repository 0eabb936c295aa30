-- history --
-- Changes of one product, newest first, with the position of its record. A product of the first load has its `reset`
-- instead of an `inserted`: small batches that are applied together share the time, so the `reset` may be another's. One
-- chunk of a batch applies the product, and few chunks are applied at one moment.
WITH found AS MATERIALIZED (
  (SELECT c.seq, c.kind, c.at, c.at AS applied_at, c.batch_id, c.stock_only, c.fields FROM product_changes c
    WHERE c.pharmacy_id = %(pharmacy_id)s AND c.product_id = %(product_id)s AND c.seq < %(before)s
    ORDER BY c.seq DESC LIMIT %(limit)s)
  UNION ALL
  (SELECT c.seq, c.kind, c.at, p.created_at, c.batch_id, c.stock_only, c.fields FROM product_changes c
    JOIN batches r ON r.id = c.batch_id
    JOIN products p ON p.pharmacy_id = c.pharmacy_id AND p.product_id = %(product_id)s
      AND p.created_at BETWEEN r.started_at AND coalesce(r.finished_at, 'infinity')
    WHERE c.pharmacy_id = %(pharmacy_id)s AND c.product_id = 0 AND c.seq < %(before)s
      AND NOT EXISTS (SELECT FROM product_changes i
        WHERE i.pharmacy_id = c.pharmacy_id AND i.product_id = %(product_id)s AND i.kind = 'inserted')
    ORDER BY c.seq DESC LIMIT %(limit)s))
SELECT f.seq, f.kind, f.at, f.batch_id, f.stock_only, f.fields, b.api_key_id,
  (SELECT max(coalesce(k.positions[slot.number], k.first_position + slot.number - 1)) FROM batch_chunks k
    CROSS JOIN LATERAL unnest(array_positions(k.ids, %(product_id)s::bigint)) AS slot (number)
    WHERE k.batch_id = f.batch_id AND f.applied_at BETWEEN k.started_at AND k.finished_at
      AND k.status = 'COMPLETED') AS position
FROM found f LEFT JOIN batches b ON b.id = f.batch_id
ORDER BY f.seq DESC LIMIT %(limit)s

-- key_ids --
-- The public ids of API keys.
SELECT id, public_id FROM api_keys WHERE id = ANY(%(ids)s::uuid[]) AND public_id IS NOT NULL

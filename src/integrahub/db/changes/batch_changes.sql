-- head --
-- The batch whose changes are read. `counted` are the changes that its counters promise: those that it made itself, not
-- those that an operation on it makes later.
SELECT b.id AS batch_id, p.cnpj, b.pharmacy_id, b.received_seq, b.kind, b.received_at, b.finished_at, b.inserted,
  b.change_counts, now() - b.received_at < interval '12 hours' AS is_recent,
  CASE WHEN b.kind IN ('approval', 'window') THEN 0 ELSE b.inserted + b.updated
    + CASE WHEN d.batch_id IS NOT NULL THEN d.deactivated
      WHEN b.deactivation_state = 'applied' AND b.full_from_seq IS NULL THEN b.deactivated ELSE 0 END END AS counted
FROM batches b JOIN pharmacies p ON p.id = b.pharmacy_id LEFT JOIN dry_runs d ON d.batch_id = b.id
WHERE b.id = %(id)s

-- of_load --
-- Changes that a batch made. Its number in the pharmacy names them; the days around it save the other partitions. A clock
-- that was set back may let it end before its receipt.
SELECT product_id, kind, stock_only, fields FROM product_changes
WHERE pharmacy_id = %(pharmacy_id)s AND seq = %(received_seq)s
  AND at BETWEEN least(%(received_at)s, %(finished_at)s) - interval '1 day'
    AND greatest(%(received_at)s, %(finished_at)s) + interval '1 day'

-- of_dry_run --
-- Changes that a dry run would make.
SELECT product_id, kind, stock_only, fields FROM dry_run_changes WHERE pharmacy_id = %(pharmacy_id)s AND batch_id = %(batch_id)s

-- counts --
-- Count the changes of the next products by kind and by changed field, and the moves of prices. Only changes of existing
-- products count by field. OFFSET 0 computes each price once.
, listed AS MATERIALIZED (
  SELECT product_id, kind, stock_only, CASE WHEN kind IN ('updated', 'reactivated') THEN fields END AS fields,
    kind = 'updated' AND fields IS NULL AS is_without_values
  FROM changes WHERE product_id > %(after)s ORDER BY product_id LIMIT %(limit)s),
priced AS (
  SELECT (price ->> 0)::numeric AS price_before, (price ->> 1)::numeric AS price_after
  FROM (SELECT fields -> 'price' AS price FROM listed OFFSET 0) l WHERE price IS NOT NULL OFFSET 0),
moved AS (
  SELECT count(*) FILTER (WHERE price_after > price_before) AS up, count(*) FILTER (WHERE price_after < price_before) AS down,
    count(*) FILTER (WHERE price_after = 0 AND price_before <> 0) AS to_zero,
    count(*) FILTER (WHERE least(price_after, price_before) > 0
      AND greatest(price_after, price_before) > 5 * least(price_after, price_before)) AS over_5_times
  FROM priced),
named AS (
  SELECT f.name, count(*) AS count FROM listed CROSS JOIN LATERAL jsonb_object_keys(fields) AS f (name) GROUP BY f.name)
SELECT c.*, m.*, (SELECT coalesce(jsonb_object_agg(name, count), '{}') FROM named) AS fields
FROM (
  SELECT count(*) AS read, max(product_id) AS last_id, count(*) FILTER (WHERE kind = 'inserted') AS inserted,
    count(*) FILTER (WHERE kind = 'updated') AS updated, count(*) FILTER (WHERE kind = 'reactivated') AS reactivated,
    count(*) FILTER (WHERE kind = 'deactivated') AS deactivated, count(*) FILTER (WHERE kind = 'reset') AS resets,
    count(*) FILTER (WHERE stock_only) AS stock_only, count(*) FILTER (WHERE is_without_values) AS without_values
  FROM listed) c CROSS JOIN moved m

-- keep_counts --
-- Keep the counts of a final batch's changes for later reads.
UPDATE batches SET change_counts = %(counts)s WHERE id = %(id)s

-- page --
-- One page of the changes in the order of product ids, after the cursor. A reset has the id 0, so it is never listed.
SELECT product_id, kind, fields FROM changes
WHERE product_id > %(after)s AND (%(only_kind)s::text IS NULL OR kind = %(only_kind)s)
  AND (%(only_field)s::text IS NULL OR jsonb_exists(fields, %(only_field)s))
ORDER BY product_id LIMIT %(limit)s

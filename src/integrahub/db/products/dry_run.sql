-- force_generic_plan --
-- Plan the next statements without their parameters: planning thousands of ids for each partition takes longer than
-- reading them.
SELECT set_config('plan_cache_mode', 'force_generic_plan', true)

-- recorded_changes --
-- Read the changes that this transaction recorded of some products of a dry run, as the lines of a COPY.
SELECT string_agg(concat_ws(E'\t', pharmacy_id, batch_id, product_id, kind, stock_only,
  coalesce(replace(fields::text, E'\\', E'\\\\'), E'\\N')), E'\n') AS lines, max(product_id) AS last_id
FROM product_changes
WHERE pharmacy_id = %(pharmacy_id)s AND seq = %(received_seq)s AND at = now() AND product_id = ANY(%(ids)s::bigint[])

-- recorded_after --
-- Read one page of the changes that this transaction recorded of all products of a dry run, as the lines of a COPY.
SELECT string_agg(concat_ws(E'\t', pharmacy_id, batch_id, product_id, kind, stock_only,
  coalesce(replace(fields::text, E'\\', E'\\\\'), E'\\N')), E'\n') AS lines, max(product_id) AS last_id
FROM (SELECT * FROM product_changes
  WHERE pharmacy_id = %(pharmacy_id)s AND seq = %(received_seq)s AND at = now() AND product_id > %(after)s
  ORDER BY product_id LIMIT 10000) c

-- store_changes --
-- Store the changes of a dry run.
COPY dry_run_changes (pharmacy_id, batch_id, product_id, kind, stock_only, fields) FROM STDIN

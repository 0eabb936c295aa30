-- recorded_changes --
-- Read the changes that this transaction recorded for a dry run, or for some of its products.
COPY (SELECT pharmacy_id, batch_id, product_id, kind, stock_only, fields FROM product_changes
  WHERE pharmacy_id = %(pharmacy_id)s AND seq = %(received_seq)s AND at = now()
    AND (%(ids)s::bigint[] IS NULL OR product_id = ANY(%(ids)s::bigint[]))) TO STDOUT

-- store_changes --
-- Store the changes of a dry run.
COPY dry_run_changes (pharmacy_id, batch_id, product_id, kind, stock_only, fields) FROM STDIN

-- diff --
-- Find the records whose product is new, inactive or has another hash, by index.
SELECT coalesce(array_agg(s.ordinal::int - 1), '{}') AS differing
FROM unnest(%(ids)s::bigint[], %(hashes)s::bigint[]) WITH ORDINALITY AS s (product_id, hash, ordinal)
LEFT JOIN products p ON p.pharmacy_id = %(pharmacy_id)s AND p.product_id = s.product_id
WHERE p.product_id IS NULL OR NOT p.is_active OR p.record_hash IS DISTINCT FROM s.hash

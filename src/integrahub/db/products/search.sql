-- settled_until --
-- Return the moment before which all changes are visible. Only chunks of the batch that has the turn commit side by
-- side, and each changes products after its claim. The fast path and the end of a batch write alone.
SELECT least(now(), (SELECT min(c.started_at) FROM batches b
  JOIN batch_chunks c ON c.batch_id = b.id AND c.finished_at IS NULL
  WHERE b.pharmacy_id = %(pharmacy_id)s AND b.finished_at IS NULL AND b.stage = 'upserting')) AS moment

-- select --
-- Select products.
SELECT p.*, CASE WHEN p.is_active THEN greatest(p.updated_at, f.full_seen_at) ELSE p.last_seen_at END AS seen_at

-- by_id --
-- Find one product.
FROM products p JOIN pharmacies f ON f.id = p.pharmacy_id
WHERE p.pharmacy_id = %(pharmacy_id)s AND p.product_id = %(product_id)s

-- version --
-- Read what changes whenever products of the pharmacy may have changed.
-- A database that was restored from a backup gives the same number to another batch.
SELECT coalesce(t.last_seq, 0) AS last_seq, l.id AS last_batch_id, b.received_seq AS turn, b.chunks_left, f.full_seen_at
FROM pharmacies f LEFT JOIN pharmacy_turns t ON t.pharmacy_id = f.id
LEFT JOIN batches l ON l.pharmacy_id = f.id AND l.received_seq = t.last_seq
LEFT JOIN LATERAL (SELECT received_seq, chunks_left FROM batches
  WHERE pharmacy_id = f.id AND finished_at IS NULL ORDER BY received_seq LIMIT 1) b ON true
WHERE f.id = %(pharmacy_id)s

-- count_all --
-- Count all products, or all minus the inactive ones: both counts read indexes alone.
SELECT (SELECT count(*) FROM products WHERE pharmacy_id = %(pharmacy_id)s)
  - CASE WHEN %(include_inactive)s::boolean THEN 0
    ELSE (SELECT count(*) FROM products WHERE pharmacy_id = %(pharmacy_id)s AND NOT is_active) END AS matching

-- force_index_scan --
-- Force reads of the primary key in its order, so that those with a limit end early. Many changes of a catalogue lead
-- the planner to read it whole and sort it.
SELECT set_config('jit', 'off', true), set_config('enable_seqscan', 'off', true),
  set_config('enable_bitmapscan', 'off', true)

-- count_up_to --
-- Count all products, or the active ones, up to a number.
SELECT (SELECT count(*) FROM (SELECT FROM products
  WHERE pharmacy_id = %(pharmacy_id)s AND (is_active OR %(include_inactive)s::boolean) LIMIT %(most)s) c) AS matching

-- page_of_all --
-- Begin the list of the ids of a page of all products. The block of a sort ends it.
FROM unnest(ARRAY(SELECT p.product_id FROM products p
  WHERE p.pharmacy_id = %(pharmacy_id)s AND (p.is_active OR %(include_inactive)s::boolean)

-- with_matching --
-- Begin the list of all matches, with what sorts need: one pass finds the page and the number of matches.
WITH matching AS MATERIALIZED (
  SELECT p.product_id, p.updated_at, p.price, p.stock, CASE WHEN %(by_title)s::boolean THEN p.title END AS title

-- page_of_matching --
-- Begin the list of the ids of a page of the matches. The block of a sort ends it.
FROM unnest(ARRAY(SELECT p.product_id FROM matching p WHERE true

-- page_end --
-- Read the products of the page in its order.
)) WITH ORDINALITY AS k (product_id, number)
JOIN products p ON p.pharmacy_id = %(pharmacy_id)s AND p.product_id = k.product_id
JOIN pharmacies f ON f.id = p.pharmacy_id ORDER BY k.number

-- count --
-- Count products that match all filters.
SELECT count(*) AS matching

-- matching --
-- Filter products; a filter that is null matches all. The texts searched for are folded once; titles and descriptions
-- are stored folded.
FROM products p
WHERE p.pharmacy_id = %(pharmacy_id)s
  AND (p.is_active OR %(include_inactive)s::boolean)
  AND (%(q)s::text IS NULL OR p.search_text LIKE (SELECT fold_text(%(q)s::text)))
  AND (%(ean)s::text IS NULL OR p.ean = %(ean)s)
  AND (%(category)s::text IS NULL OR CASE WHEN octet_length(p.category) = char_length(p.category)
    THEN upper(p.category) ELSE fold_text(p.category) END = (SELECT fold_text(%(category)s::text)))
  AND (%(brand)s::text IS NULL OR CASE WHEN octet_length(p.brand) = char_length(p.brand)
    THEN upper(p.brand) ELSE fold_text(p.brand) END = (SELECT fold_text(%(brand)s::text)))
  AND (%(price_min)s::numeric IS NULL OR coalesce(p.price, 0) >= %(price_min)s)
  AND (%(price_max)s::numeric IS NULL OR coalesce(p.price, 0) <= %(price_max)s)
  AND (%(stock_min)s::numeric IS NULL OR coalesce(p.stock, 0) >= %(stock_min)s)
  AND (%(in_stock)s::boolean IS NULL OR (coalesce(p.stock, 0) > 0) = %(in_stock)s)
  AND (%(promo)s::boolean IS NULL OR (cardinality(p.price_promos) > 0) = %(promo)s)
  AND (%(updated_since)s::timestamptz IS NULL
    OR p.updated_at >= %(updated_since)s AND p.updated_at < %(settled_until)s::timestamptz)

-- most --
-- Stop after a number of matches, in the order of the primary key, so that a common text does not read all products.
ORDER BY p.product_id LIMIT %(most)s

-- -updated --
-- Sort by last change, newest first.
AND (%(after)s::text IS NULL OR (p.updated_at, p.product_id) < (%(after)s::timestamptz, %(after_id)s))
ORDER BY p.updated_at DESC, p.product_id DESC LIMIT %(limit)s OFFSET %(offset)s

-- product_id --
-- Sort by product id.
AND (%(after)s::text IS NULL OR p.product_id > %(after_id)s)
ORDER BY p.product_id LIMIT %(limit)s OFFSET %(offset)s

-- title --
-- Sort by title. A cursor without a title stands for the title of the product that it names.
AND (%(after)s::text IS NULL OR (p.title, p.product_id) > (coalesce(nullif(%(after)s, ''), (SELECT l.title
  FROM products l WHERE l.pharmacy_id = %(pharmacy_id)s AND l.product_id = %(after_id)s), ''), %(after_id)s))
ORDER BY p.title, p.product_id LIMIT %(limit)s OFFSET %(offset)s

-- price --
-- Sort by price, lowest first.
AND (%(after)s::text IS NULL OR (coalesce(p.price, 0), p.product_id) > (%(after)s::numeric, %(after_id)s))
ORDER BY coalesce(p.price, 0), p.product_id LIMIT %(limit)s OFFSET %(offset)s

-- -price --
-- Sort by price, highest first.
AND (%(after)s::text IS NULL OR (coalesce(p.price, 0), p.product_id) < (%(after)s::numeric, %(after_id)s))
ORDER BY coalesce(p.price, 0) DESC, p.product_id DESC LIMIT %(limit)s OFFSET %(offset)s

-- stock --
-- Sort by stock, lowest first.
AND (%(after)s::text IS NULL OR (coalesce(p.stock, 0), p.product_id) > (%(after)s::numeric, %(after_id)s))
ORDER BY coalesce(p.stock, 0), p.product_id LIMIT %(limit)s OFFSET %(offset)s

-- -stock --
-- Sort by stock, highest first.
AND (%(after)s::text IS NULL OR (coalesce(p.stock, 0), p.product_id) < (%(after)s::numeric, %(after_id)s))
ORDER BY coalesce(p.stock, 0) DESC, p.product_id DESC LIMIT %(limit)s OFFSET %(offset)s

-- rows_written --
-- Read PostgreSQL's counts of rows written to the table.
SELECT n_tup_ins, n_tup_upd, n_tup_del FROM pg_stat_user_tables WHERE relname = 'products'

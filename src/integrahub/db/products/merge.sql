-- Statements that write products also write the record of changes, so that it has exactly the rows that changed.

-- force_index_plan --
-- Force a plan over the primary key: the statistics of a fresh table are wrong.
SELECT set_config('jit', 'off', true), set_config('enable_hashjoin', 'off', true),
  set_config('enable_mergejoin', 'off', true), set_config('enable_seqscan', 'off', true),
  set_config('enable_bitmapscan', 'off', true), set_config('enable_material', 'off', true)

-- any_between --
-- Tell for each chunk whether the pharmacy has products between the chunk's smallest and largest id. If not, all are
-- new.
SELECT EXISTS (
  SELECT FROM products p WHERE p.pharmacy_id = k.pharmacy_id AND p.product_id BETWEEN k.least AND k.most) AS may_exist
FROM unnest(%(pharmacies)s::bigint[], %(least)s::bigint[], %(most)s::bigint[])
  WITH ORDINALITY AS k (pharmacy_id, least, most, chunk_index)
ORDER BY k.chunk_index

-- probe --
-- Find for each chunk the slots whose product is new, inactive or has another hash, or whose id is unreadable, and
-- those of them whose product exists.
SELECT f.* FROM unnest(%(ids)s::text[], %(hashes)s::text[], %(pharmacies)s::bigint[])
  WITH ORDINALITY AS k (ids, hashes, pharmacy_id, chunk_index)
CROSS JOIN LATERAL (
  SELECT coalesce(array_agg(s.slot::int - 1), '{}') AS differing,
    coalesce(array_agg(s.slot::int - 1) FILTER (WHERE p.product_id IS NOT NULL), '{}') AS existing
  FROM unnest(k.ids::bigint[], k.hashes::bigint[]) WITH ORDINALITY AS s (product_id, hash, slot)
  LEFT JOIN products p ON p.pharmacy_id = k.pharmacy_id AND p.product_id = s.product_id
  WHERE s.product_id >= 0 AND (p.product_id IS NULL OR NOT p.is_active OR p.record_hash IS DISTINCT FROM s.hash)) f
ORDER BY k.chunk_index

-- probe_stored --
-- As probe, with the ids and hashes that the rows of the chunks hold.
SELECT f.* FROM unnest(%(batches)s::uuid[], %(numbers)s::int[], %(pharmacies)s::bigint[])
  WITH ORDINALITY AS k (batch_id, number, pharmacy_id, chunk_index)
JOIN batch_chunks c ON c.batch_id = k.batch_id AND c.number = k.number
CROSS JOIN LATERAL (
  SELECT coalesce(array_agg(s.slot::int - 1), '{}') AS differing,
    coalesce(array_agg(s.slot::int - 1) FILTER (WHERE p.product_id IS NOT NULL), '{}') AS existing
  FROM unnest(c.ids, c.hashes) WITH ORDINALITY AS s (product_id, hash, slot)
  LEFT JOIN products p ON p.pharmacy_id = k.pharmacy_id AND p.product_id = s.product_id
  WHERE s.product_id >= 0 AND (p.product_id IS NULL OR NOT p.is_active OR p.record_hash IS DISTINCT FROM s.hash)) f
ORDER BY k.chunk_index

-- copy_new --
-- Copy new products into the table.
COPY products (pharmacy_id, batch_id, record_hash, product_id, title, description, brand, ncm, category, image_link, color,
  ean, shop_id, size, price, wholesale_price, price_promos, stock, wholesale_min, measure, indice, source_created_at,
  source_updated_at, stock_updated_at, extra) FROM STDIN

-- copy_new_binary --
-- As copy_new, in the binary format.
COPY products (pharmacy_id, batch_id, record_hash, product_id, title, description, brand, ncm, category, image_link, color,
  ean, shop_id, size, price, wholesale_price, price_promos, stock, wholesale_min, measure, indice, source_created_at,
  source_updated_at, stock_updated_at, extra) FROM STDIN (FORMAT binary)

-- record_inserted --
-- Record the products that chunks inserted, with their values. LIMIT forces one search of the primary key per product:
-- with the statistics of a small pharmacy, a join compares each product with each id.
INSERT INTO product_changes (pharmacy_id, seq, product_id, batch_id, kind, fields)
SELECT p.pharmacy_id, k.seq, p.product_id, p.batch_id, 'inserted', p.fields
FROM unnest(%(pharmacies)s::bigint[], %(seqs)s::bigint[], %(ids)s::text[]) AS k (pharmacy_id, seq, ids)
CROSS JOIN LATERAL unnest(k.ids::bigint[]) AS i
CROSS JOIN LATERAL (
  SELECT p.pharmacy_id, p.product_id, p.batch_id, product_fields(p) AS fields
  FROM products p WHERE p.pharmacy_id = k.pharmacy_id AND p.product_id = i LIMIT 1) p

-- record_inserted_ids --
-- Record the products that chunks inserted, without values, so that no product is read. PostgreSQL refused none of them.
INSERT INTO product_changes (pharmacy_id, seq, product_id, batch_id, kind)
SELECT k.pharmacy_id, k.seq, i, k.batch_id, 'inserted'
FROM unnest(%(pharmacies)s::bigint[], %(seqs)s::bigint[], %(batches)s::uuid[], %(ids)s::text[])
  AS k (pharmacy_id, seq, batch_id, ids)
CROSS JOIN LATERAL unnest(k.ids::bigint[]) AS i

-- create_stage --
-- Create the stage of the merge.
CREATE TEMP TABLE IF NOT EXISTS products_stage (
  chunk_index integer, pharmacy_id bigint, batch_id uuid, record_hash bigint, product_id bigint, title text, description text, brand text, ncm text, category text,
  image_link text, color text, ean text, shop_id text, size text, price numeric(14,4), wholesale_price numeric(14,4),
  price_promos numeric(14,4)[], stock numeric(14,3), wholesale_min numeric(14,3), measure text, indice numeric(14,3),
  source_created_at timestamp, source_updated_at timestamp, stock_updated_at timestamp, extra jsonb
) ON COMMIT DELETE ROWS

-- clear_stage --
-- Delete the rows that an earlier merge of the same transaction staged.
DELETE FROM products_stage

-- copy_stage --
-- Stage existing products that may have changed.
COPY products_stage FROM STDIN

-- copy_stage_binary --
-- As copy_stage, in the binary format.
COPY products_stage FROM STDIN (FORMAT binary)

-- merge_full --
-- Update products from staged records of FULLs, which have every column. Active products with equal columns are not
-- written; INDICE alone is no change. The price comes first: it decides most cases.
WITH merged AS (
UPDATE products p SET record_hash = s.record_hash, batch_id = s.batch_id, updated_at = clock_timestamp(),
  is_active = true, deactivated_at = NULL, last_seen_at = NULL, title = s.title, description = s.description,
  brand = s.brand, ncm = s.ncm, category = s.category, image_link = s.image_link, color = s.color, ean = s.ean,
  shop_id = s.shop_id, size = s.size, price = s.price, wholesale_price = s.wholesale_price,
  price_promos = s.price_promos, stock = s.stock, wholesale_min = s.wholesale_min, measure = s.measure,
  indice = s.indice, source_created_at = s.source_created_at, source_updated_at = s.source_updated_at,
  stock_updated_at = s.stock_updated_at, extra = s.extra
FROM (SELECT * FROM products_stage ORDER BY pharmacy_id, product_id) s
WHERE p.pharmacy_id = s.pharmacy_id AND p.product_id = s.product_id
  AND (NOT p.is_active OR (p.price, p.stock, p.title, p.description, p.brand, p.ncm, p.category, p.image_link, p.color,
      p.ean, p.shop_id, p.size, p.wholesale_price, p.price_promos, p.wholesale_min, p.measure, p.source_created_at,
      p.source_updated_at, p.stock_updated_at, p.extra)
    IS DISTINCT FROM (s.price, s.stock, s.title, s.description, s.brand, s.ncm, s.category, s.image_link, s.color,
      s.ean, s.shop_id, s.size, s.wholesale_price, s.price_promos, s.wholesale_min, s.measure, s.source_created_at,
      s.source_updated_at, s.stock_updated_at, s.extra))
RETURNING s.chunk_index, new.pharmacy_id, new.product_id, new.batch_id, product_change_kind(old, new) AS kind,
  is_stock_only_change(old, new) AS stock_only,
  CASE WHEN %(history)s::boolean THEN product_changed_fields(old, new) END AS fields),
recorded AS (
INSERT INTO product_changes (pharmacy_id, seq, product_id, batch_id, kind, stock_only, fields)
SELECT pharmacy_id, (%(seqs)s::bigint[])[chunk_index + 1], product_id, batch_id, kind, stock_only, fields FROM merged)
SELECT chunk_index, count(*) AS updated, count(*) FILTER (WHERE kind = 'reactivated') AS reactivated
FROM merged GROUP BY chunk_index

-- merge_delta --
-- Update products of DELTAs. NULL in the stage leaves a column as it is.
WITH merged AS (
UPDATE products p SET record_hash = s.record_hash, batch_id = s.batch_id, updated_at = clock_timestamp(),
  is_active = true, deactivated_at = NULL, last_seen_at = NULL, title = coalesce(s.title, p.title),
  description = coalesce(s.description, p.description), brand = coalesce(s.brand, p.brand), ncm = coalesce(s.ncm, p.ncm),
  category = coalesce(s.category, p.category), image_link = coalesce(s.image_link, p.image_link),
  color = coalesce(s.color, p.color), ean = coalesce(s.ean, p.ean), shop_id = coalesce(s.shop_id, p.shop_id),
  size = coalesce(s.size, p.size), price = coalesce(s.price, p.price),
  wholesale_price = coalesce(s.wholesale_price, p.wholesale_price),
  price_promos = coalesce(s.price_promos, p.price_promos), stock = coalesce(s.stock, p.stock),
  wholesale_min = coalesce(s.wholesale_min, p.wholesale_min), measure = coalesce(s.measure, p.measure),
  indice = coalesce(s.indice, p.indice), source_created_at = coalesce(s.source_created_at, p.source_created_at),
  source_updated_at = coalesce(s.source_updated_at, p.source_updated_at),
  stock_updated_at = coalesce(s.stock_updated_at, p.stock_updated_at),
  extra = CASE WHEN s.extra IS NULL THEN p.extra ELSE coalesce(p.extra, '{}') || s.extra END
FROM (SELECT * FROM products_stage ORDER BY pharmacy_id, product_id) s
WHERE p.pharmacy_id = s.pharmacy_id AND p.product_id = s.product_id
  AND (NOT p.is_active OR (p.title, p.description, p.brand, p.ncm, p.category, p.image_link, p.color, p.ean, p.shop_id,
      p.size, p.price, p.wholesale_price, p.price_promos, p.stock, p.wholesale_min, p.measure, p.source_created_at,
      p.source_updated_at, p.stock_updated_at, p.extra)
    IS DISTINCT FROM (coalesce(s.title, p.title), coalesce(s.description, p.description), coalesce(s.brand, p.brand),
      coalesce(s.ncm, p.ncm), coalesce(s.category, p.category), coalesce(s.image_link, p.image_link),
      coalesce(s.color, p.color), coalesce(s.ean, p.ean), coalesce(s.shop_id, p.shop_id), coalesce(s.size, p.size),
      coalesce(s.price, p.price), coalesce(s.wholesale_price, p.wholesale_price),
      coalesce(s.price_promos, p.price_promos), coalesce(s.stock, p.stock),
      coalesce(s.wholesale_min, p.wholesale_min), coalesce(s.measure, p.measure),
      coalesce(s.source_created_at, p.source_created_at), coalesce(s.source_updated_at, p.source_updated_at),
      coalesce(s.stock_updated_at, p.stock_updated_at),
      CASE WHEN s.extra IS NULL THEN p.extra ELSE coalesce(p.extra, '{}') || s.extra END))
RETURNING s.chunk_index, new.pharmacy_id, new.product_id, new.batch_id, product_change_kind(old, new) AS kind,
  is_stock_only_change(old, new) AS stock_only,
  CASE WHEN %(history)s::boolean THEN product_changed_fields(old, new) END AS fields),
recorded AS (
INSERT INTO product_changes (pharmacy_id, seq, product_id, batch_id, kind, stock_only, fields)
SELECT pharmacy_id, (%(seqs)s::bigint[])[chunk_index + 1], product_id, batch_id, kind, stock_only, fields FROM merged)
SELECT chunk_index, count(*) AS updated, count(*) FILTER (WHERE kind = 'reactivated') AS reactivated
FROM merged GROUP BY chunk_index

-- insert_missing --
-- Insert staged products of FULLs that are not in the table, and return their ids by chunk.
WITH missing AS MATERIALIZED (
  SELECT * FROM products_stage s WHERE s.chunk_index = ANY(%(chunks)s::int[]) AND NOT EXISTS (
    SELECT FROM products p WHERE p.pharmacy_id = s.pharmacy_id AND p.product_id = s.product_id)),
inserted AS (
INSERT INTO products (pharmacy_id, batch_id, record_hash, product_id, title, description, brand, ncm, category,
  image_link, color, ean, shop_id, size, price, wholesale_price, price_promos, stock, wholesale_min, measure, indice,
  source_created_at, source_updated_at, stock_updated_at, extra)
SELECT pharmacy_id, batch_id, record_hash, product_id, title, description, brand, ncm, category, image_link, color, ean,
  shop_id, size, price, wholesale_price, price_promos, stock, wholesale_min, measure, indice, source_created_at,
  source_updated_at, stock_updated_at, extra FROM missing ORDER BY pharmacy_id, product_id)
SELECT chunk_index, array_agg(product_id) AS ids FROM missing GROUP BY chunk_index

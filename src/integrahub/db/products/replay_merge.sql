-- current_products --
-- Read products as COPY text.
SELECT product_id, is_active, title, description, brand, ncm, category, image_link, color, ean, shop_id, size,
  price::text, wholesale_price::text, price_promos::text, stock::text, wholesale_min::text, measure, indice::text,
  source_created_at::text, source_updated_at::text, stock_updated_at::text, extra::text
FROM products WHERE pharmacy_id = %(pharmacy_id)s AND product_id = ANY(%(ids)s::bigint[])

-- create_stage --
-- Create the stage for products of a replayed chunk.
CREATE TEMP TABLE IF NOT EXISTS replays_stage (
  product_id bigint, inactive_since timestamptz, title text, description text, brand text, ncm text, category text,
  image_link text, color text, ean text, shop_id text, size text, price numeric(14,4), wholesale_price numeric(14,4),
  price_promos numeric(14,4)[], stock numeric(14,3), wholesale_min numeric(14,3), measure text, indice numeric(14,3),
  source_created_at timestamp, source_updated_at timestamp, stock_updated_at timestamp, extra jsonb
) ON COMMIT DELETE ROWS

-- clear_stage --
-- Delete the rows that an earlier part of the same transaction staged.
DELETE FROM replays_stage

-- copy_stage --
-- Stage combined products.
COPY replays_stage FROM STDIN

-- insert_new --
-- Insert staged products that are not in the table. Those of a load into an empty catalogue are not recorded singly.
WITH added AS (
INSERT INTO products (pharmacy_id, product_id, batch_id, is_active, deactivated_at, last_seen_at, title, description,
  brand, ncm, category, image_link, color, ean, shop_id, size, price, wholesale_price, price_promos, stock,
  wholesale_min, measure, indice, source_created_at, source_updated_at, stock_updated_at, extra)
SELECT %(pharmacy_id)s, s.product_id, %(batch_id)s, s.inactive_since IS NULL, s.inactive_since,
  CASE WHEN s.inactive_since IS NOT NULL THEN %(seen_at)s::timestamptz END, s.title, s.description, s.brand, s.ncm, s.category, s.image_link, s.color, s.ean, s.shop_id, s.size, s.price,
  s.wholesale_price, s.price_promos, s.stock, s.wholesale_min, s.measure, s.indice, s.source_created_at,
  s.source_updated_at, s.stock_updated_at, s.extra
FROM replays_stage s
WHERE NOT EXISTS (SELECT FROM products p WHERE p.pharmacy_id = %(pharmacy_id)s AND p.product_id = s.product_id)
ORDER BY s.product_id
RETURNING pharmacy_id, product_id, batch_id,
  CASE WHEN %(history)s::boolean THEN product_fields(products) END AS fields),
recorded AS (
INSERT INTO product_changes (pharmacy_id, seq, product_id, batch_id, kind, fields)
SELECT pharmacy_id, %(seq)s, product_id, batch_id, 'inserted', fields FROM added WHERE NOT %(fills_catalogue)s::boolean)
SELECT count(*) FROM added

-- merge_known --
-- Update staged products that are in the table. Rows with equal columns are not written.
WITH merged AS (
UPDATE products p SET record_hash = NULL, batch_id = %(batch_id)s, updated_at = clock_timestamp(),
  is_active = s.inactive_since IS NULL, deactivated_at = s.inactive_since,
  last_seen_at = CASE WHEN s.inactive_since IS NOT NULL THEN greatest(p.last_seen_at, %(seen_at)s) END,
  title = s.title, description = s.description, brand = s.brand, ncm = s.ncm, category = s.category,
  image_link = s.image_link, color = s.color, ean = s.ean, shop_id = s.shop_id, size = s.size, price = s.price,
  wholesale_price = s.wholesale_price, price_promos = s.price_promos, stock = s.stock, wholesale_min = s.wholesale_min,
  measure = s.measure, indice = s.indice, source_created_at = s.source_created_at,
  source_updated_at = s.source_updated_at, stock_updated_at = s.stock_updated_at, extra = s.extra
FROM (SELECT * FROM replays_stage ORDER BY product_id) s
WHERE p.pharmacy_id = %(pharmacy_id)s AND p.product_id = s.product_id
  AND (p.is_active IS DISTINCT FROM (s.inactive_since IS NULL) OR (p.title, p.description, p.brand, p.ncm, p.category,
      p.image_link, p.color, p.ean, p.shop_id, p.size, p.price, p.wholesale_price, p.price_promos, p.stock,
      p.wholesale_min, p.measure, p.source_created_at, p.source_updated_at, p.stock_updated_at, p.extra)
    IS DISTINCT FROM (s.title, s.description, s.brand, s.ncm, s.category, s.image_link, s.color, s.ean, s.shop_id,
      s.size, s.price, s.wholesale_price, s.price_promos, s.stock, s.wholesale_min, s.measure, s.source_created_at,
      s.source_updated_at, s.stock_updated_at, s.extra))
RETURNING new.pharmacy_id, new.product_id, new.batch_id, product_change_kind(old, new) AS kind,
  is_stock_only_change(old, new) AS stock_only,
  CASE WHEN %(history)s::boolean THEN product_changed_fields(old, new) END AS fields),
recorded AS (
INSERT INTO product_changes (pharmacy_id, seq, product_id, batch_id, kind, stock_only, fields)
SELECT pharmacy_id, %(seq)s, product_id, batch_id, kind, stock_only, fields FROM merged)
SELECT count(*) FROM merged

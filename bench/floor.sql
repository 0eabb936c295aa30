-- clean_text --
-- What the hub holds, as the text a COPY takes, under the floor's own pharmacy.
COPY (SELECT -1, product_id, batch_id, title, description, brand, ncm, category, image_link, color, ean, shop_id, size,
  price, wholesale_price, price_promos, stock, wholesale_min, measure, indice, source_created_at, source_updated_at,
  stock_updated_at, extra FROM products WHERE pharmacy_id > 0 AND is_active ORDER BY product_id) TO STDOUT

-- create_stage --
-- Where the floor's stream waits for its merge.
CREATE TEMP TABLE stage (LIKE products INCLUDING DEFAULTS) ON COMMIT DELETE ROWS

-- copy_stage --
-- Clean text, straight in.
COPY stage (pharmacy_id, product_id, batch_id, title, description, brand, ncm, category, image_link, color, ean, shop_id,
  size, price, wholesale_price, price_promos, stock, wholesale_min, measure, indice, source_created_at,
  source_updated_at, stock_updated_at, extra) FROM STDIN

-- merge --
-- One set-based merge that leaves equal rows alone.
INSERT INTO products AS p SELECT * FROM stage
ON CONFLICT (pharmacy_id, product_id) DO UPDATE SET batch_id = excluded.batch_id, updated_at = excluded.updated_at,
  title = excluded.title, description = excluded.description, brand = excluded.brand, ncm = excluded.ncm,
  category = excluded.category, image_link = excluded.image_link, color = excluded.color, ean = excluded.ean,
  shop_id = excluded.shop_id, size = excluded.size, price = excluded.price,
  wholesale_price = excluded.wholesale_price, price_promos = excluded.price_promos, stock = excluded.stock,
  wholesale_min = excluded.wholesale_min, measure = excluded.measure, indice = excluded.indice,
  source_created_at = excluded.source_created_at, source_updated_at = excluded.source_updated_at,
  stock_updated_at = excluded.stock_updated_at, extra = excluded.extra
WHERE (p.title, p.description, p.brand, p.ncm, p.category, p.image_link, p.color, p.ean, p.shop_id, p.size, p.price,
    p.wholesale_price, p.price_promos, p.stock, p.wholesale_min, p.measure, p.indice, p.source_created_at,
    p.source_updated_at, p.stock_updated_at, p.extra)
  IS DISTINCT FROM (excluded.title, excluded.description, excluded.brand, excluded.ncm, excluded.category,
    excluded.image_link, excluded.color, excluded.ean, excluded.shop_id, excluded.size, excluded.price,
    excluded.wholesale_price, excluded.price_promos, excluded.stock, excluded.wholesale_min, excluded.measure,
    excluded.indice, excluded.source_created_at, excluded.source_updated_at, excluded.stock_updated_at, excluded.extra)

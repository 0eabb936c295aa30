-- clean_text --
-- What the hub holds of a pharmacy, as the text a COPY takes.
COPY (SELECT record_hash, price, batch_id, title, description, brand, ncm, category, image_link, color, ean, shop_id,
  size, wholesale_price, price_promos, stock, wholesale_min, measure, indice, source_created_at, source_updated_at,
  stock_updated_at, extra FROM products p JOIN pharmacies f ON f.id = p.pharmacy_id WHERE f.cnpj = '{cnpj}'
  ORDER BY product_id) TO STDOUT

-- create_stage --
-- Where the baseline's stream waits for its merge.
CREATE TEMP TABLE stage (LIKE products INCLUDING DEFAULTS) ON COMMIT DELETE ROWS

-- copy_stage --
-- Clean text, straight in.
COPY stage (pharmacy_id, product_id, record_hash, price, batch_id, title, description, brand, ncm, category, image_link,
  color, ean, shop_id, size, wholesale_price, price_promos, stock, wholesale_min, measure, indice, source_created_at,
  source_updated_at, stock_updated_at, extra) FROM STDIN

-- merge --
-- One set-based merge that leaves rows with the same hash alone.
INSERT INTO products AS p (pharmacy_id, product_id, record_hash, price, batch_id, title, description, brand, ncm, category, image_link,
  color, ean, shop_id, size, wholesale_price, price_promos, stock, wholesale_min, measure, indice, source_created_at,
  source_updated_at, stock_updated_at, extra)
SELECT pharmacy_id, product_id, record_hash, price, batch_id, title, description, brand, ncm, category, image_link,
  color, ean, shop_id, size, wholesale_price, price_promos, stock, wholesale_min, measure, indice, source_created_at,
  source_updated_at, stock_updated_at, extra FROM stage
ON CONFLICT (pharmacy_id, product_id) DO UPDATE SET record_hash = excluded.record_hash, batch_id = excluded.batch_id,
  updated_at = excluded.updated_at, title = excluded.title, description = excluded.description, brand = excluded.brand,
  ncm = excluded.ncm, category = excluded.category, image_link = excluded.image_link, color = excluded.color,
  ean = excluded.ean, shop_id = excluded.shop_id, size = excluded.size, price = excluded.price,
  wholesale_price = excluded.wholesale_price, price_promos = excluded.price_promos, stock = excluded.stock,
  wholesale_min = excluded.wholesale_min, measure = excluded.measure, indice = excluded.indice,
  source_created_at = excluded.source_created_at, source_updated_at = excluded.source_updated_at,
  stock_updated_at = excluded.stock_updated_at, extra = excluded.extra
WHERE p.record_hash IS DISTINCT FROM excluded.record_hash

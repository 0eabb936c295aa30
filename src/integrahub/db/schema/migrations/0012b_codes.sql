-- expand
-- Codes that were sent as JSON numbers and kept with a point or an exponent: their products are read again when a FULL repeats
-- them, though their records did not change.

UPDATE products SET record_hash = NULL
WHERE record_hash IS NOT NULL AND (ean ~ '^-?[0-9]+([.]0+|([.][0-9]+)?E[+-][0-9]+)$'
  OR ncm ~ '^-?[0-9]+([.]0+|([.][0-9]+)?E[+-][0-9]+)$' OR category ~ '^-?[0-9]+([.]0+|([.][0-9]+)?E[+-][0-9]+)$'
  OR shop_id ~ '^-?[0-9]+([.]0+|([.][0-9]+)?E[+-][0-9]+)$');

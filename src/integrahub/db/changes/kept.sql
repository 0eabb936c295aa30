-- kept_since --
-- The first day of each kind of change whose partition still exists; retention removes the oldest days first.
SELECT min(k.first_moment) FILTER (WHERE k.parent = 'product_changes_main'::regclass) AS others,
  min(k.first_moment) FILTER (WHERE k.parent = 'product_changes_stock'::regclass) AS stock
FROM (
  SELECT i.inhparent AS parent,
    substring(pg_get_expr(c.relpartbound, c.oid) FROM 'FROM \(''([^'']+)''\)')::timestamptz AS first_moment
  FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
  WHERE i.inhparent IN ('product_changes_main'::regclass, 'product_changes_stock'::regclass)) k

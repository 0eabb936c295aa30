-- pharmacies --
-- Pharmacies whose CNPJ begins with digits, or whose name contains a text.
SELECT cnpj, name, city, state FROM pharmacies
WHERE cnpj LIKE %(prefix)s OR fold_text(name) LIKE fold_text(%(pattern)s) ORDER BY name, cnpj LIMIT %(limit)s

-- batches --
-- Batches whose id begins with a prefix, newest first.
SELECT b.id, p.cnpj, p.name, p.time_zone, b.load_type, b.status, b.received_at FROM batches b
JOIN pharmacies p ON p.id = b.pharmacy_id
WHERE b.id BETWEEN %(first)s AND %(last)s ORDER BY b.id DESC LIMIT %(limit)s

-- batches_by_suffix --
-- The latest batches whose id ends with what lists show of it.
SELECT b.id, p.cnpj, p.name, p.time_zone, b.load_type, b.status, b.received_at
FROM (SELECT * FROM batches ORDER BY received_at DESC, id DESC LIMIT %(latest)s) b
JOIN pharmacies p ON p.id = b.pharmacy_id
WHERE b.id::text LIKE %(pattern)s ORDER BY b.received_at DESC, b.id DESC LIMIT %(limit)s

-- products_by_id --
-- Products with an id, of all pharmacies: one probe of the primary key per pharmacy.
SELECT f.cnpj, f.name, p.product_id, p.title, p.ean, p.is_active FROM pharmacies f
CROSS JOIN LATERAL (SELECT product_id, title, ean, is_active FROM products
  WHERE pharmacy_id = f.id AND product_id = %(product_id)s LIMIT 1) p
ORDER BY f.name, f.cnpj LIMIT %(limit)s

-- products_by_ean --
-- Products with a bar code, of all pharmacies.
SELECT f.cnpj, f.name, p.product_id, p.title, p.ean, p.is_active FROM products p
JOIN pharmacies f ON f.id = p.pharmacy_id
WHERE p.ean = %(ean)s AND p.ean <> '' AND octet_length(p.ean) <= 64 ORDER BY p.pharmacy_id, p.product_id LIMIT %(limit)s

-- causes --
-- Causes of failure, among the latest, whose error or latest message contains a text.
SELECT g.fingerprint, g.error_class, g.error_code, g.culprit, g.count, g.last_seen, coalesce(d.message, '') AS message
FROM (SELECT * FROM failure_groups ORDER BY last_seen DESC LIMIT %(latest)s) g
LEFT JOIN dead_letters d ON d.id = g.sample
WHERE g.fingerprint = %(text)s OR g.error_class ILIKE %(pattern)s OR g.error_code ILIKE %(pattern)s
  OR g.culprit ILIKE %(pattern)s OR d.message ILIKE %(pattern)s
ORDER BY g.last_seen DESC LIMIT %(limit)s

-- failed --
-- Which of some codes batches failed with, and when the latest did.
SELECT c.code, (SELECT max(b.received_at) FROM batches b WHERE b.error_code = c.code) AS last_seen
FROM unnest(%(codes)s::text[]) AS c (code)
WHERE EXISTS (SELECT FROM batches b WHERE b.error_code = c.code)

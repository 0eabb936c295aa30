-- add --
-- Add refused posts to the counts of their hour. A key for one pharmacy says which one, also after it was ended; the id
-- of a key that this hub did not make is not kept.
INSERT INTO refusals AS r (hour, cnpj, key_name, code, address, count, last_at)
SELECT n.hour, CASE WHEN n.cnpj = '' THEN coalesce(k.cnpj, '') ELSE n.cnpj END,
  CASE WHEN n.key_name LIKE 'key ____________' AND k.public_id IS NULL THEN '' ELSE n.key_name END, n.code, n.address,
  sum(n.count)::bigint, max(n.last_at)
FROM unnest(%(hours)s::timestamptz[], %(cnpjs)s::text[], %(key_names)s::text[], %(codes)s::text[], %(addresses)s::text[],
  %(counts)s::bigint[], %(last_at)s::timestamptz[]) AS n (hour, cnpj, key_name, code, address, count, last_at)
LEFT JOIN LATERAL (
  SELECT a.public_id, CASE WHEN a.tenants = 'pharmacies' AND cardinality(a.cnpjs) = 1 THEN a.cnpjs[1] END AS cnpj
  FROM api_keys a WHERE n.key_name LIKE 'key ____________' AND a.public_id = substr(n.key_name, 5)) k ON true
GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2, 3, 4, 5
ON CONFLICT (hour, cnpj, key_name, code, address)
  DO UPDATE SET count = r.count + excluded.count, last_at = greatest(r.last_at, excluded.last_at)

-- blank_addresses --
-- Blank the addresses of some old rows, and add up the rows that differed by them alone.
WITH old AS (
  DELETE FROM refusals WHERE ctid = ANY(ARRAY(
    SELECT ctid FROM refusals WHERE hour < now() - make_interval(days => %(days)s) AND address <> '' LIMIT %(limit)s))
  RETURNING *),
blanked AS (
  INSERT INTO refusals AS r (hour, cnpj, key_name, code, address, count, last_at)
  SELECT hour, cnpj, key_name, code, '', sum(count)::bigint, max(last_at) FROM old GROUP BY 1, 2, 3, 4
  ON CONFLICT (hour, cnpj, key_name, code, address)
    DO UPDATE SET count = r.count + excluded.count, last_at = greatest(r.last_at, excluded.last_at))
SELECT count(*) FROM old

-- delete_old --
-- Delete some rows that are older than 13 months.
DELETE FROM refusals WHERE ctid = ANY(ARRAY(
  SELECT ctid FROM refusals WHERE hour < now() - interval '13 months' LIMIT %(limit)s))

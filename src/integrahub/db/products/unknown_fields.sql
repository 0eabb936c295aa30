-- add --
-- Add records to the counts of unknown fields. Beyond the limit of a pharmacy, further fields are not
-- kept. The rows are locked in one order, so that transactions do not wait for each other in a circle.
INSERT INTO unknown_fields AS u (pharmacy_id, field, records)
SELECT n.pharmacy_id, n.field, n.records
FROM (
  SELECT g.*, row_number() OVER (PARTITION BY g.pharmacy_id, g.is_known ORDER BY g.field) AS number
  FROM (
    SELECT a.pharmacy_id, a.field, sum(a.records)::bigint AS records, EXISTS (
      SELECT FROM unknown_fields k WHERE k.pharmacy_id = a.pharmacy_id AND k.field = a.field) AS is_known
    FROM unnest(%(pharmacies)s::bigint[], %(fields)s::text[], %(records)s::bigint[]) AS a (pharmacy_id, field, records)
    GROUP BY a.pharmacy_id, a.field) g) n
WHERE n.is_known
  OR n.number <= %(most)s - (SELECT count(*) FROM unknown_fields k WHERE k.pharmacy_id = n.pharmacy_id)
ORDER BY n.pharmacy_id, n.field
ON CONFLICT (pharmacy_id, field) DO UPDATE SET records = u.records + excluded.records, last_seen_at = excluded.last_seen_at

-- unaccounted --
-- Batches of the last day whose counts differ: records counted by the split, records in the chunks, counters of chunks
-- and batch, rejections in the report.
SELECT b.id AS batch_id, p.cnpj, (abs(b.items_total - k.held) + abs(k.completed - k.settled)
    + CASE WHEN b.finished_at IS NULL THEN 0 ELSE abs(b.items_total - (b.inserted + b.updated + b.unchanged + b.merged
        + b.rejected + b.superseded + b.cancelled + b.dead)) + abs(k.rejected - f.rejected) END)::bigint AS records
FROM batches b JOIN pharmacies p ON p.id = b.pharmacy_id
CROSS JOIN LATERAL (
  SELECT coalesce(sum(c.records), 0) AS held, coalesce(sum(c.records) FILTER (WHERE c.status = 'COMPLETED'), 0) AS completed,
    coalesce(sum(c.inserted + c.updated + c.unchanged + c.merged + c.rejected + c.superseded), 0) AS settled,
    coalesce(sum(c.rejected), 0) AS rejected
  FROM batch_chunks c WHERE c.batch_id = b.id) k
CROSS JOIN LATERAL (
  SELECT count(*) AS rejected FROM record_issues r WHERE r.batch_id = b.id AND r.severity = 'rejected') f
WHERE b.kind IN ('load', 'replay', 'chunk_replay') AND b.items_total IS NOT NULL
  AND (b.finished_at IS NULL OR b.finished_at > now() - interval '1 day')
  AND (b.items_total <> k.held OR k.completed <> k.settled OR b.finished_at IS NOT NULL AND (k.rejected <> f.rejected
    OR b.items_total <> b.inserted + b.updated + b.unchanged + b.merged + b.rejected + b.superseded + b.cancelled + b.dead))
ORDER BY b.received_at LIMIT 1000

-- save --
-- Store the result; the table has one row.
INSERT INTO reconciliations (singleton, at, unaccounted) VALUES (true, now(), %(unaccounted)s)
ON CONFLICT (singleton) DO UPDATE SET at = excluded.at, unaccounted = excluded.unaccounted

-- find_latest --
-- The sum that the latest reconciliation saved.
SELECT unaccounted FROM reconciliations

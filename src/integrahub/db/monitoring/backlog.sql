-- count_waiting --
-- Records that are not applied yet, by pharmacy and step. For bodies that are not split the number is estimated from the
-- size.
SELECT pharmacy_id, 'split' AS step, sum(greatest(1, bytes / %(estimate)s))::bigint AS records
FROM batches WHERE finished_at IS NULL AND stage IN ('received', 'splitting') GROUP BY pharmacy_id
UNION ALL
SELECT b.pharmacy_id, 'upsert', sum(c.records)::bigint
FROM batches b JOIN batch_chunks c ON c.batch_id = b.id AND c.finished_at IS NULL
WHERE b.finished_at IS NULL GROUP BY b.pharmacy_id

-- expand
-- How many warnings a batch came to, beside its other totals.

ALTER TABLE batches ADD COLUMN warnings bigint NOT NULL DEFAULT 0;
UPDATE batches b SET warnings = c.warnings
FROM (SELECT batch_id, sum(warnings) AS warnings FROM batch_chunks GROUP BY batch_id) c
WHERE c.batch_id = b.id AND c.warnings > 0 AND b.finished_at IS NOT NULL;

-- expand
-- Rows that grow with every batch get an end of their own: chunk rows with their id arrays, reports, batches.

ALTER TABLE batches
  ADD COLUMN rows_removed_at timestamptz,      -- its chunk rows
  ADD COLUMN report_removed_at timestamptz;    -- its record faults
CREATE INDEX batches_rows_kept ON batches (pharmacy_id, received_seq) WHERE rows_removed_at IS NULL;
CREATE INDEX batches_rows_due ON batches (finished_at) WHERE body_removed_at IS NOT NULL AND rows_removed_at IS NULL;
CREATE INDEX batches_report_due ON batches (finished_at) WHERE rows_removed_at IS NOT NULL AND report_removed_at IS NULL;
CREATE INDEX batches_due ON batches (finished_at) WHERE report_removed_at IS NOT NULL;
CREATE INDEX dead_letters_unsettled ON dead_letters (batch_id) WHERE settled_at IS NULL;

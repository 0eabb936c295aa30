-- expand
-- What is no longer kept of a batch, so that retention looks at each batch once.

ALTER TABLE batches
  ADD COLUMN chunks_removed_at timestamptz,    -- its chunks that were objects of their own
  ADD COLUMN body_removed_at timestamptz;
CREATE INDEX batches_chunks_kept ON batches (finished_at) WHERE chunks_removed_at IS NULL;
CREATE INDEX batches_body_kept ON batches (finished_at) WHERE body_removed_at IS NULL;

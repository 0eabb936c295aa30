-- expand
-- Replays: a batch, or its dead chunks, applied again in the place the batch had.

ALTER TABLE batches DROP CONSTRAINT batches_kind_check;
ALTER TABLE batches ADD CONSTRAINT batches_kind_check
  CHECK (kind IN ('load', 'approval', 'window', 'replay', 'chunk_replay'));
ALTER TABLE batches ADD COLUMN origin_seq bigint;        -- of a replay: the number its records count under
ALTER TABLE batch_chunks ADD COLUMN superseded integer NOT NULL DEFAULT 0;
ALTER TABLE dead_letters ADD COLUMN replay_asked_at timestamptz;
ALTER TABLE dead_letters ADD COLUMN settled_at timestamptz;
ALTER TABLE dead_letters ADD COLUMN replayed_by uuid;    -- the batch that took the records over
CREATE INDEX dead_letters_asked ON dead_letters (id) WHERE replay_asked_at IS NOT NULL AND settled_at IS NULL;

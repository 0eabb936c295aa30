-- expand
-- Dry runs: batches that are applied and rolled back. What they decide and what they would change is kept apart from what
-- loads did, so that no statement about loads can count it. comments.sql describes the columns.

ALTER TABLE batches DROP CONSTRAINT batches_kind_check;
ALTER TABLE batches ADD CONSTRAINT batches_kind_check
  CHECK (kind IN ('load', 'dry_run', 'approval', 'window', 'replay', 'chunk_replay'));
ALTER TABLE batches ADD CONSTRAINT batches_dry_run_check
  CHECK (kind <> 'dry_run' OR deactivation_state = 'none' AND deactivated = 0 AND NOT absence_proven);

-- A dry run and a load may have the same key.
DROP INDEX batches_idempotency;
CREATE UNIQUE INDEX batches_idempotency ON batches (pharmacy_id, idempotency_key, (kind = 'dry_run'))
  WHERE idempotency_key IS NOT NULL AND status NOT IN ('FAILED', 'CANCELLED');

CREATE TABLE dry_runs (
  batch_id uuid PRIMARY KEY,
  deactivated bigint NOT NULL,
  deactivation_state text NOT NULL CHECK (deactivation_state IN ('none', 'waiting', 'applied', 'held')),
  deactivation_candidates bigint NOT NULL,
  deactivation_active bigint,
  deactivation_reason text,
  deactivation_facts jsonb
);

CREATE TABLE dry_run_changes (
  pharmacy_id bigint NOT NULL,
  batch_id uuid NOT NULL,
  product_id bigint NOT NULL,
  kind text NOT NULL CHECK (kind IN ('inserted', 'updated', 'deactivated', 'reactivated', 'reset')),
  stock_only boolean NOT NULL,
  fields jsonb
);
-- Ids of batches grow with time, so retention also finds old rows by it.
CREATE INDEX dry_run_changes_batch ON dry_run_changes (batch_id, product_id);

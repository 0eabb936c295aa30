-- expand
-- Replays of many dead letters, done by the periodic worker, and causes of failure that an operator mutes.
-- comments.sql describes tables and columns.

CREATE TABLE bulk_operations (
  id uuid PRIMARY KEY,
  state text NOT NULL DEFAULT 'running' CHECK (state IN ('running', 'done', 'stopped')),
  actor text NOT NULL,
  filters jsonb NOT NULL,
  letters integer NOT NULL,
  replayed integer NOT NULL DEFAULT 0,
  refusals jsonb NOT NULL DEFAULT '{}',
  created_at timestamptz NOT NULL DEFAULT now(),
  run_at timestamptz,
  ended_at timestamptz,
  stopped_by text
);
CREATE INDEX bulk_operations_running ON bulk_operations (run_at) WHERE state = 'running';
CREATE INDEX bulk_operations_created ON bulk_operations (created_at, id);

ALTER TABLE dead_letters ADD COLUMN bulk_operation_id uuid, ADD COLUMN replay_refusal text;
CREATE INDEX dead_letters_due ON dead_letters (bulk_operation_id, id)
  WHERE replay_asked_at IS NOT NULL AND settled_at IS NULL;
CREATE INDEX dead_letters_of_operation ON dead_letters (bulk_operation_id, id) WHERE bulk_operation_id IS NOT NULL;
CREATE INDEX dead_letters_of_cause ON dead_letters (fingerprint, id);
CREATE INDEX dead_letters_of_pharmacy ON dead_letters (cnpj, id);

ALTER TABLE failure_groups ADD COLUMN muted_until timestamptz, ADD COLUMN mute_note text, ADD COLUMN muted_by text;
CREATE INDEX failure_groups_latest ON failure_groups (last_seen, fingerprint);

-- Deliveries that ask for attention, newest first, among many that were delivered.
CREATE INDEX webhook_deliveries_troubled ON webhook_deliveries (state, created_at, id) WHERE state IN ('failed', 'held');
CREATE INDEX webhook_deliveries_pharmacy ON webhook_deliveries (pharmacy_id, created_at, id);

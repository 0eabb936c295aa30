-- expand
-- What reports show of a record, besides its position: the EAN, and the key as the client spelled it. Estimates of
-- completion, to be compared with the end of their batches.

ALTER TABLE record_issues ADD COLUMN ean text NOT NULL DEFAULT '', ADD COLUMN key text NOT NULL DEFAULT '';

CREATE TABLE batch_estimates (
  batch_id uuid PRIMARY KEY,
  made_at timestamptz NOT NULL,
  estimated_at timestamptz NOT NULL,
  error_ratio double precision
);

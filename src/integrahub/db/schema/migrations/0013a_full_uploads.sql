-- expand
-- Parts of FULLs that are on their way: the window they belong to stays open.

CREATE TABLE full_uploads (
  batch_id uuid PRIMARY KEY,                   -- of the batch that comes of it
  pharmacy_id bigint NOT NULL,
  begun_at timestamptz NOT NULL,               -- its first byte
  renewed_at timestamptz NOT NULL DEFAULT now()  -- silent for long: its process or its client is gone
);
CREATE INDEX full_uploads_pharmacy ON full_uploads (pharmacy_id);

-- expand
-- Public keys that signed receipts. The private keys are settings.

CREATE TABLE receipt_keys (
  key_id text PRIMARY KEY,
  public_key text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now()
);

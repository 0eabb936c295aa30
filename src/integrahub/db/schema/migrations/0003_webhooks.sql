-- expand
-- Webhooks: addresses of receivers, deliveries of events to them, and the attempts of each delivery.

-- Keys that replace each other by rotation are one family; a webhook endpoint belongs to the family.
ALTER TABLE api_keys ADD COLUMN family uuid;
WITH RECURSIVE chains (id, first) AS (
  SELECT id, id FROM api_keys WHERE replaces IS NULL
  UNION ALL SELECT k.id, c.first FROM api_keys k JOIN chains c ON k.replaces = c.id)
UPDATE api_keys k SET family = c.first FROM chains c WHERE c.id = k.id AND c.first <> k.id;
CREATE INDEX api_keys_family ON api_keys ((coalesce(family, id)));

CREATE TABLE webhook_endpoints (
  id uuid PRIMARY KEY DEFAULT uuidv7(),
  owner text NOT NULL CHECK (owner IN ('pharmacy', 'key', 'operator')),
  pharmacy_id bigint,
  key_id uuid,
  cnpjs text[],
  url text NOT NULL,
  host text NOT NULL,
  events text[] NOT NULL CHECK (cardinality(events) > 0),
  description text NOT NULL DEFAULT '',
  sealed_secret bytea,
  old_sealed_secret bytea,
  old_secret_ends_at timestamptz,
  state text NOT NULL DEFAULT 'enabled' CHECK (state IN ('enabled', 'disabled')),
  failing_since timestamptz,
  disabled_at timestamptz,
  disabled_reason text,
  enabled_at timestamptz NOT NULL DEFAULT now(),
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  deleted_at timestamptz,
  CHECK (CASE owner WHEN 'pharmacy' THEN pharmacy_id IS NOT NULL AND key_id IS NULL
    WHEN 'key' THEN key_id IS NOT NULL ELSE pharmacy_id IS NULL AND key_id IS NULL END),
  CHECK ((state = 'disabled') = (disabled_at IS NOT NULL)),
  CHECK ((sealed_secret IS NULL) = (deleted_at IS NOT NULL)),
  CHECK ((old_sealed_secret IS NULL) = (old_secret_ends_at IS NULL))
);
CREATE UNIQUE INDEX webhook_endpoints_pharmacy ON webhook_endpoints (pharmacy_id)
  WHERE owner = 'pharmacy' AND deleted_at IS NULL;
CREATE UNIQUE INDEX webhook_endpoints_key ON webhook_endpoints (key_id, pharmacy_id) NULLS NOT DISTINCT
  WHERE owner = 'key' AND deleted_at IS NULL;
CREATE UNIQUE INDEX webhook_endpoints_operator ON webhook_endpoints (owner)
  WHERE owner = 'operator' AND deleted_at IS NULL;

-- Each batch that ends looks for the endpoints of its pharmacy, and for those of several pharmacies.
CREATE INDEX webhook_endpoints_receiving ON webhook_endpoints (pharmacy_id) WHERE deleted_at IS NULL;

CREATE TABLE webhook_deliveries (
  id uuid PRIMARY KEY DEFAULT uuidv7(),
  endpoint_id uuid NOT NULL,
  event text NOT NULL,
  pharmacy_id bigint,
  batch_id uuid,
  occurred_at timestamptz NOT NULL DEFAULT now(),
  facts jsonb NOT NULL DEFAULT '{}',
  body text,
  state text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'delivered', 'failed', 'held')),
  attempts integer NOT NULL DEFAULT 0,
  attempts_before integer NOT NULL DEFAULT 0,
  next_attempt_at timestamptz,
  claim_token uuid,
  worker_id uuid,
  lease_until timestamptz,
  created_at timestamptz NOT NULL DEFAULT now(),
  ended_at timestamptz,
  CHECK ((state = 'pending') = (next_attempt_at IS NOT NULL)),
  CHECK ((state IN ('delivered', 'failed')) = (ended_at IS NOT NULL)),
  CHECK (state <> 'delivered' OR body IS NOT NULL)
) WITH (fillfactor = 85);
-- One event of a batch is one delivery to an endpoint, however often it is reported.
CREATE UNIQUE INDEX webhook_deliveries_batch ON webhook_deliveries (batch_id, endpoint_id, event)
  WHERE batch_id IS NOT NULL;
CREATE INDEX webhook_deliveries_due ON webhook_deliveries (next_attempt_at) WHERE state = 'pending';
CREATE INDEX webhook_deliveries_due_endpoint ON webhook_deliveries (endpoint_id, next_attempt_at) WHERE state = 'pending';
CREATE INDEX webhook_deliveries_claimed ON webhook_deliveries (endpoint_id) WHERE claim_token IS NOT NULL;
CREATE INDEX webhook_deliveries_held ON webhook_deliveries (endpoint_id, created_at) WHERE state = 'held';
CREATE INDEX webhook_deliveries_endpoint ON webhook_deliveries (endpoint_id, created_at, id);
CREATE INDEX webhook_deliveries_created ON webhook_deliveries (created_at, id);

CREATE TABLE webhook_attempts (
  delivery_id uuid NOT NULL,
  number integer NOT NULL,
  at timestamptz NOT NULL DEFAULT now(),
  milliseconds integer NOT NULL,
  status integer,
  error text,
  excerpt text,
  PRIMARY KEY (delivery_id, number)
);

-- A pharmacy that is silent is reported once, and once more when it posts again.
ALTER TABLE pharmacies ADD COLUMN silent_since timestamptz;

-- Keys that are neither revoked nor expired, without anything secret: workers cannot read api_keys.
CREATE VIEW live_keys AS
SELECT id, coalesce(family, id) AS family FROM api_keys
WHERE revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now());

-- expand
-- The first schema: pharmacies, keys, products, batches and their chunks, dead letters, workers, audit log, embedded bus.
-- comments.sql describes each table and column.

CREATE EXTENSION IF NOT EXISTS unaccent;

CREATE TABLE pharmacies (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  cnpj text NOT NULL UNIQUE,
  name text NOT NULL,
  city text NOT NULL DEFAULT '',
  state text NOT NULL DEFAULT '',
  time_zone text NOT NULL DEFAULT 'America/Sao_Paulo',
  deactivation_limit numeric(5,4),
  full_window_minutes integer,
  full_seen_at timestamptz,
  created_at timestamptz NOT NULL DEFAULT now(),
  has_products boolean NOT NULL DEFAULT false,
  rate_limit text
);

-- A transaction locks this small row to decide which batch of the pharmacy is applied next.
CREATE TABLE pharmacy_turns (
  pharmacy_id bigint PRIMARY KEY,
  last_seq bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 50);

CREATE TABLE api_keys (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  hash bytea NOT NULL UNIQUE,
  hint text NOT NULL,
  tenants text NOT NULL CHECK (tenants IN ('pharmacies', 'all')),
  cnpjs text[] NOT NULL DEFAULT '{}',
  created_at timestamptz NOT NULL DEFAULT now(),
  expires_at timestamptz,
  revoked_at timestamptz,
  last_used_at timestamptz,
  public_id text UNIQUE,
  scopes text[] NOT NULL DEFAULT '{ingest,read}'
    CHECK (cardinality(scopes) > 0 AND scopes <@ '{ingest,read,viewer,operator,admin}'::text[]),
  rate_limit text,
  replaces uuid,
  weak boolean NOT NULL DEFAULT false,
  CHECK (tenants = 'all' OR NOT scopes && '{viewer,operator,admin}'::text[])
);

CREATE TABLE products (
  pharmacy_id bigint NOT NULL,
  product_id bigint NOT NULL,
  record_hash bigint,
  batch_id uuid NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  last_seen_at timestamptz,
  deactivated_at timestamptz,
  is_active boolean NOT NULL DEFAULT true,
  title text NOT NULL,
  description text NOT NULL DEFAULT '',
  brand text NOT NULL DEFAULT '',
  ncm text NOT NULL DEFAULT '',
  category text NOT NULL DEFAULT '',
  image_link text NOT NULL DEFAULT '',
  color text NOT NULL DEFAULT '',
  ean text NOT NULL DEFAULT '',
  shop_id text NOT NULL DEFAULT '',
  size text NOT NULL DEFAULT '',
  price numeric(14,4),
  wholesale_price numeric(14,4),
  price_promos numeric(14,4)[] NOT NULL DEFAULT '{}',
  stock numeric(14,3),
  wholesale_min numeric(14,3),
  measure text NOT NULL DEFAULT '',
  indice numeric(14,3),
  source_created_at timestamp,
  source_updated_at timestamp,
  stock_updated_at timestamp,
  extra jsonb,
  PRIMARY KEY (pharmacy_id, product_id)
);
-- Active products are counted as all less the inactive ones; both counts read indexes alone.
CREATE INDEX products_inactive ON products (pharmacy_id) WHERE NOT is_active;

CREATE TABLE batches (
  id uuid PRIMARY KEY,
  pharmacy_id bigint NOT NULL REFERENCES pharmacies (id),
  received_seq bigint NOT NULL,
  kind text NOT NULL DEFAULT 'load' 
    CHECK (kind IN ('load', 'approval', 'window', 'replay', 'chunk_replay')),
  parent_id uuid,
  load_type text NOT NULL CHECK (load_type IN ('full', 'delta')),
  media_type text NOT NULL DEFAULT 'application/json',
  encoding text NOT NULL DEFAULT '' CHECK (encoding IN ('', 'gzip', 'zstd')),
  idempotency_key text,
  full_from_seq bigint,
  item_count_claimed bigint,
  body bytea,
  location text,
  bytes bigint NOT NULL,
  sha256 bytea NOT NULL,
  status text NOT NULL DEFAULT 'RECEIVED'
    CHECK (status IN ('RECEIVED', 'PROCESSING', 'COMPLETED', 'PARTIAL_FAIL', 'FAILED', 'CANCELLED')),
  stage text NOT NULL DEFAULT 'received'
    CHECK (stage IN ('received', 'splitting', 'waiting', 'upserting', 'finishing', 'done')),
  first_byte_at timestamptz,
  received_at timestamptz NOT NULL DEFAULT now(),
  started_at timestamptz,
  split_at timestamptz,
  finished_at timestamptz,
  dispatched_at timestamptz,
  dispatches integer NOT NULL DEFAULT 0,
  claim_token uuid,
  worker_id uuid,
  lease_until timestamptz,
  attempts integer NOT NULL DEFAULT 0,
  crashes integer NOT NULL DEFAULT 0,
  next_attempt_at timestamptz,
  chunks_total integer,
  chunks_left integer,
  items_total bigint,
  unreadable_ids bigint NOT NULL DEFAULT 0,
  inserted bigint NOT NULL DEFAULT 0,
  updated bigint NOT NULL DEFAULT 0,
  unchanged bigint NOT NULL DEFAULT 0,
  merged bigint NOT NULL DEFAULT 0,
  rejected bigint NOT NULL DEFAULT 0,
  superseded bigint NOT NULL DEFAULT 0,
  cancelled bigint NOT NULL DEFAULT 0,
  dead bigint NOT NULL DEFAULT 0,
  reactivated bigint NOT NULL DEFAULT 0,
  deactivated bigint NOT NULL DEFAULT 0,
  deactivation_state text NOT NULL DEFAULT 'none'
    CHECK (deactivation_state IN ('none', 'waiting', 'applied', 'held', 'approved', 'rejected', 'superseded')),
  deactivation_candidates bigint NOT NULL DEFAULT 0,
  deactivation_active bigint,
  deactivation_reason text,
  deactivation_facts jsonb,
  error_code text,
  error_facts jsonb,
  error_offset bigint,
  origin_seq bigint,
  chunks_removed_at timestamptz,
  body_removed_at timestamptz,
  rows_removed_at timestamptz,
  report_removed_at timestamptz,
  warnings bigint NOT NULL DEFAULT 0,
  read_zone text,
  absence_proven boolean NOT NULL DEFAULT false,
  api_key_id uuid,
  UNIQUE (pharmacy_id, received_seq),
  CHECK ((finished_at IS NOT NULL) = (status IN ('COMPLETED', 'PARTIAL_FAIL', 'FAILED', 'CANCELLED')))
);
ALTER TABLE batches ALTER COLUMN body SET STORAGE EXTERNAL;
CREATE INDEX batches_status_created ON batches (status, received_at);
CREATE INDEX batches_unfinished ON batches (pharmacy_id, received_seq) WHERE finished_at IS NULL;
CREATE INDEX batches_waiting ON batches (pharmacy_id) WHERE deactivation_state = 'waiting';
CREATE INDEX batches_operations ON batches (parent_id) WHERE parent_id IS NOT NULL;
CREATE UNIQUE INDEX batches_idempotency ON batches (pharmacy_id, idempotency_key)
  WHERE idempotency_key IS NOT NULL AND status NOT IN ('FAILED', 'CANCELLED');
CREATE INDEX batches_finished ON batches (finished_at) WHERE finished_at IS NOT NULL;
CREATE INDEX batches_held ON batches (received_at) WHERE deactivation_state = 'held';
CREATE INDEX batches_chunks_kept ON batches (finished_at) WHERE chunks_removed_at IS NULL;
CREATE INDEX batches_body_kept ON batches (finished_at) WHERE body_removed_at IS NULL;
CREATE INDEX batches_rows_kept ON batches (pharmacy_id, received_seq) WHERE rows_removed_at IS NULL;
CREATE INDEX batches_rows_due ON batches (finished_at) WHERE body_removed_at IS NOT NULL AND rows_removed_at IS NULL;
CREATE INDEX batches_report_due ON batches (finished_at) WHERE rows_removed_at IS NOT NULL AND report_removed_at IS NULL;
CREATE INDEX batches_due ON batches (finished_at) WHERE report_removed_at IS NOT NULL;

CREATE TABLE full_uploads (
  batch_id uuid PRIMARY KEY,
  pharmacy_id bigint NOT NULL,
  begun_at timestamptz NOT NULL,
  renewed_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX full_uploads_pharmacy ON full_uploads (pharmacy_id);

CREATE TABLE batch_chunks (
  batch_id uuid NOT NULL REFERENCES batches (id),
  number integer NOT NULL,
  location text NOT NULL,
  records integer NOT NULL,
  ids bigint[] NOT NULL,
  hashes bigint[] NOT NULL,
  status text NOT NULL DEFAULT 'PENDING'
    CHECK (status IN ('PENDING', 'PROCESSING', 'COMPLETED', 'RETRYING', 'FAILED', 'CANCELLED')),
  claim_token uuid,
  worker_id uuid,
  lease_until timestamptz,
  attempts integer NOT NULL DEFAULT 0,
  crashes integer NOT NULL DEFAULT 0,
  next_attempt_at timestamptz,
  dispatched_at timestamptz,
  dispatches integer NOT NULL DEFAULT 0,
  inserted integer NOT NULL DEFAULT 0,
  updated integer NOT NULL DEFAULT 0,
  unchanged integer NOT NULL DEFAULT 0,
  merged integer NOT NULL DEFAULT 0,
  rejected integer NOT NULL DEFAULT 0,
  reactivated integer NOT NULL DEFAULT 0,
  warnings integer NOT NULL DEFAULT 0,
  last_error text,
  attempt_log jsonb NOT NULL DEFAULT '[]',
  started_at timestamptz,
  finished_at timestamptz,
  superseded integer NOT NULL DEFAULT 0,
  body_start bigint,
  body_bytes integer,
  first_position bigint,
  rejection text,
  PRIMARY KEY (batch_id, number)
) WITH (fillfactor = 70);
ALTER TABLE batch_chunks ALTER COLUMN ids SET STORAGE EXTERNAL;
ALTER TABLE batch_chunks ALTER COLUMN hashes SET STORAGE EXTERNAL;
CREATE INDEX batch_chunks_unfinished ON batch_chunks (batch_id, status) WHERE finished_at IS NULL;

CREATE TABLE record_issues (
  batch_id uuid NOT NULL,
  chunk integer NOT NULL,
  position bigint NOT NULL,
  byte_offset bigint NOT NULL,
  severity text NOT NULL CHECK (severity IN ('rejected', 'warning')),
  product_id text NOT NULL DEFAULT '',
  field text NOT NULL DEFAULT '',
  code text NOT NULL,
  value text NOT NULL DEFAULT ''
);
CREATE INDEX record_issues_batch ON record_issues (batch_id, position);

CREATE TABLE dead_letters (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  batch_id uuid,
  chunk integer,
  cnpj text,
  topic text,
  body bytea,
  location text,
  records integer NOT NULL,
  error_class text NOT NULL,
  error_code text NOT NULL,
  culprit text NOT NULL,
  message text NOT NULL,
  stack text NOT NULL,
  attempts jsonb NOT NULL,
  fingerprint text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  grouped_at timestamptz,
  replay_asked_at timestamptz,
  settled_at timestamptz,
  replayed_by uuid,
  letter_id uuid UNIQUE,
  trace_id text,
  UNIQUE (batch_id, chunk)
);
CREATE INDEX dead_letters_ungrouped ON dead_letters (created_at) WHERE grouped_at IS NULL;
CREATE INDEX dead_letters_asked ON dead_letters (id) WHERE replay_asked_at IS NOT NULL AND settled_at IS NULL;
CREATE INDEX dead_letters_unsettled ON dead_letters (batch_id) WHERE settled_at IS NULL;

CREATE TABLE failure_groups (
  fingerprint text PRIMARY KEY,
  error_class text NOT NULL,
  error_code text NOT NULL,
  culprit text NOT NULL,
  count bigint NOT NULL,
  first_seen timestamptz NOT NULL,
  last_seen timestamptz NOT NULL,
  sample bigint NOT NULL
);

CREATE TABLE reconciliations (
  singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
  at timestamptz NOT NULL,
  unaccounted bigint NOT NULL
);

-- One row per name. A new worker with the same name replaces the old one, whose claims are released at once.
CREATE TABLE workers (
  name text PRIMARY KEY,
  id uuid NOT NULL,
  steps text[] NOT NULL,
  pid integer NOT NULL,
  started_at timestamptz NOT NULL DEFAULT now(),
  seen_at timestamptz NOT NULL DEFAULT now(),
  host text NOT NULL DEFAULT '',
  left_at timestamptz
);

CREATE TABLE worker_restarts (
  step text PRIMARY KEY,
  restarts bigint NOT NULL
);

CREATE TABLE statistics (
  name text NOT NULL,
  labels text[] NOT NULL,
  value double precision NOT NULL,
  counted_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (name, labels)
);

CREATE TABLE history (
  hour timestamptz PRIMARY KEY,
  totals jsonb NOT NULL
);

CREATE TABLE audit_log (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  at timestamptz NOT NULL DEFAULT now(),
  actor text NOT NULL,
  action text NOT NULL,
  subject text NOT NULL,
  address text NOT NULL DEFAULT '',
  before jsonb,
  after jsonb,
  outcome text,
  ended_at timestamptz
);
CREATE INDEX audit_log_subject ON audit_log (subject, id);

-- Unlogged: a crash of PostgreSQL may empty it; then all limits count from zero.
CREATE UNLOGGED TABLE rate_windows (
  subject text PRIMARY KEY,
  number bigint NOT NULL DEFAULT 0,
  taken integer NOT NULL DEFAULT 0,
  before integer NOT NULL DEFAULT 0,
  touched_at timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 50);

-- Unlogged: a crash of PostgreSQL may empty it; then the sweep dispatches the work again.
CREATE UNLOGGED TABLE bus_messages (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  topic text NOT NULL,
  body bytea NOT NULL,
  due_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX bus_messages_topic ON bus_messages (topic, id);

CREATE VIEW held_deactivations WITH (security_invoker = true) AS
SELECT b.id AS batch_id, p.cnpj, p.name, b.received_at, b.deactivation_candidates AS candidates,
  b.deactivation_active AS active, b.deactivation_reason AS reason
FROM batches b JOIN pharmacies p ON p.id = b.pharmacy_id
WHERE b.deactivation_state = 'held' ORDER BY b.received_at;

-- A pharmacy is silent if its last post is 1.5 times as long ago as the longest gap between its last 50 posts. Two weeks
-- later it counts as closed.
CREATE VIEW silent_pharmacies WITH (security_invoker = true) AS
SELECT p.cnpj, p.name, r.last_at, r.longest AS longest_gap, now() - r.last_at AS silent_for
FROM pharmacies p CROSS JOIN LATERAL (
  SELECT count(*) AS posts, max(received_at) AS last_at, max(gap) AS longest
  FROM (SELECT received_at, received_at - lag(received_at) OVER (ORDER BY received_seq) AS gap
    FROM (SELECT b.received_seq, b.received_at FROM batches b WHERE b.pharmacy_id = p.id AND b.kind = 'load'
      ORDER BY b.received_seq DESC LIMIT 50) latest) gaps) r
WHERE r.posts >= 5 AND now() - r.last_at > greatest(interval '1 hour', 1.5 * r.longest)
  AND now() - r.last_at < 1.5 * r.longest + interval '14 days'
ORDER BY r.last_at;

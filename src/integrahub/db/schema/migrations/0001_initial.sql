-- expand
-- The first schema: pharmacies, keys, products, batches and their chunks, workers, audit, the local bus.

CREATE EXTENSION IF NOT EXISTS unaccent;

CREATE TABLE pharmacies (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  cnpj text NOT NULL UNIQUE,
  name text NOT NULL,
  city text NOT NULL DEFAULT '',
  state text NOT NULL DEFAULT '',
  time_zone text NOT NULL DEFAULT 'America/Sao_Paulo',
  deactivation_limit numeric(5,4),             -- share of the active products; NULL: the hub's setting
  full_window_minutes integer,                 -- NULL: the hub's setting
  full_seen_at timestamptz,                    -- receipt of the last finished FULL that was not held
  created_at timestamptz NOT NULL DEFAULT now()
);

-- One small row to lock: every turn of a pharmacy is decided under it.
CREATE TABLE pharmacy_turns (
  pharmacy_id bigint PRIMARY KEY,
  last_seq bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 50);

CREATE TABLE api_keys (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  hash bytea NOT NULL UNIQUE,                  -- HMAC-SHA256 of the key under the hub's pepper
  hint text NOT NULL,                          -- enough to recognise the key, too little to use it
  scope text NOT NULL CHECK (scope IN ('pharmacies', 'all')),
  cnpjs text[] NOT NULL DEFAULT '{}',
  created_at timestamptz NOT NULL DEFAULT now(),
  expires_at timestamptz,
  revoked_at timestamptz,
  last_used_at timestamptz
);

CREATE TABLE products (
  pharmacy_id bigint NOT NULL,
  product_id bigint NOT NULL,
  record_hash bigint,
  batch_id uuid NOT NULL,                      -- of the last change
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  last_seen_at timestamptz,                    -- stored at deactivation
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

CREATE TABLE batches (
  id uuid PRIMARY KEY,
  pharmacy_id bigint NOT NULL REFERENCES pharmacies (id),
  received_seq bigint NOT NULL,
  kind text NOT NULL DEFAULT 'load' CHECK (kind IN ('load', 'approval', 'window')),
  parent_id uuid,
  load_type text NOT NULL CHECK (load_type IN ('full', 'delta')),
  media_type text NOT NULL DEFAULT 'application/json',
  encoding text NOT NULL DEFAULT '' CHECK (encoding IN ('', 'gzip', 'zstd')),
  idempotency_key text,
  full_from_seq bigint,                        -- of a FULL in parts: the number of its first part
  item_count_claimed bigint,                   -- X-Inova-Item-Count
  body bytea,                                  -- small bodies ride in the row
  location text,                               -- larger ones are objects
  bytes bigint NOT NULL,                       -- decoded
  sha256 bytea NOT NULL,                       -- of the decoded bytes
  -- RECEIVED: The body is durable; nothing has been read yet.
  -- PROCESSING: The body is being split or its chunks applied.
  -- COMPLETED: Every record was applied.
  -- PARTIAL_FAIL: Some records were rejected or some chunk is dead; the rest was applied.
  -- FAILED: Nothing was inserted, updated or found unchanged.
  -- CANCELLED: An operator stopped it; what was applied before stands.
  status text NOT NULL DEFAULT 'RECEIVED'
    CHECK (status IN ('RECEIVED', 'PROCESSING', 'COMPLETED', 'PARTIAL_FAIL', 'FAILED', 'CANCELLED')),
  -- received: Waiting to be split.
  -- splitting: The body is being cut into chunks.
  -- waiting: Split; an earlier batch of the pharmacy is not finished.
  -- upserting: Its chunks are being applied.
  -- finishing: All chunks are settled; deactivation and totals are due.
  -- done: Nothing is left to do.
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
  -- none: Nothing to deactivate, or not a FULL.
  -- waiting: The FULL comes in parts; its window is still open.
  -- applied: The absent products are inactive.
  -- held: Too many or too uncertain: a person decides.
  -- approved: A person approved; the absent products are inactive.
  -- rejected: A person rejected; everything stays active.
  -- superseded: A later FULL replaced this decision.
  deactivation_state text NOT NULL DEFAULT 'none'
    CHECK (deactivation_state IN ('none', 'waiting', 'applied', 'held', 'approved', 'rejected', 'superseded')),
  deactivation_candidates bigint NOT NULL DEFAULT 0,
  deactivation_active bigint NOT NULL DEFAULT 0,
  deactivation_reason text,                    -- a code, put into words for the client
  deactivation_facts jsonb,
  error_code text,
  error_facts jsonb,
  error_offset bigint,
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

CREATE TABLE batch_chunks (
  batch_id uuid NOT NULL REFERENCES batches (id),
  number integer NOT NULL,
  location text NOT NULL,                      -- an object's name, or 'body'
  records integer NOT NULL,                    -- records whose product this chunk applies or rejects
  ids bigint[] NOT NULL,                       -- by slot: 0 unreadable, negative: applied by a later chunk
  hashes bigint[] NOT NULL,                    -- by slot: of all the product's records
  -- PENDING: Not taken yet.
  -- PROCESSING: A worker holds its lease.
  -- COMPLETED: Its effect is committed.
  -- RETRYING: It failed and will be tried again at `next_attempt_at`.
  -- FAILED: It is dead: every attempt failed.
  -- CANCELLED: Its batch was cancelled before it was applied.
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
  attempt_log jsonb NOT NULL DEFAULT '[]',     -- of each failed attempt: at, error, place
  started_at timestamptz,
  finished_at timestamptz,
  PRIMARY KEY (batch_id, number)
) WITH (fillfactor = 70);
ALTER TABLE batch_chunks ALTER COLUMN ids SET STORAGE EXTERNAL;
ALTER TABLE batch_chunks ALTER COLUMN hashes SET STORAGE EXTERNAL;
CREATE INDEX batch_chunks_unfinished ON batch_chunks (batch_id, status) WHERE finished_at IS NULL;

-- What a client should know of single records: rejections and warnings.
CREATE TABLE record_issues (
  batch_id uuid NOT NULL,
  chunk integer NOT NULL,
  position bigint NOT NULL,                    -- of the record in the body, from 0
  byte_offset bigint NOT NULL,                 -- in the decoded body
  severity text NOT NULL CHECK (severity IN ('rejected', 'warning')),
  product_id text NOT NULL DEFAULT '',
  field text NOT NULL DEFAULT '',
  code text NOT NULL,
  value text NOT NULL DEFAULT ''
);
CREATE INDEX record_issues_batch ON record_issues (batch_id, position);

-- Work that is not tried again by itself: a chunk whose every attempt failed, or a message that cannot be read.
CREATE TABLE dead_letters (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  batch_id uuid,
  chunk integer,
  cnpj text,
  topic text,                                  -- of a message that cannot be read
  body bytea,
  location text,                               -- where the chunk's records are kept
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
  UNIQUE (batch_id, chunk)
);
CREATE INDEX dead_letters_ungrouped ON dead_letters (created_at) WHERE grouped_at IS NULL;

CREATE TABLE failure_groups (
  fingerprint text PRIMARY KEY,
  error_class text NOT NULL,
  error_code text NOT NULL,
  culprit text NOT NULL,
  count bigint NOT NULL,
  first_seen timestamptz NOT NULL,
  last_seen timestamptz NOT NULL,
  sample bigint NOT NULL                       -- the latest letter
);

-- The latest reconciliation.
CREATE TABLE reconciliations (
  singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
  at timestamptz NOT NULL,
  unaccounted bigint NOT NULL
);

-- One row a name: whoever starts under it has taken the place of the one before, whose claims are free at once.
CREATE TABLE workers (
  name text PRIMARY KEY,
  id uuid NOT NULL,
  steps text[] NOT NULL,
  pid integer NOT NULL,
  started_at timestamptz NOT NULL DEFAULT now(),
  seen_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE audit_log (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  at timestamptz NOT NULL DEFAULT now(),
  actor text NOT NULL,
  action text NOT NULL,
  subject text NOT NULL,
  detail jsonb NOT NULL DEFAULT '{}'
);

-- The local bus. A crash of PostgreSQL may empty it: sweep announces again.
CREATE UNLOGGED TABLE bus_messages (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  topic text NOT NULL,
  body bytea NOT NULL,
  due_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX bus_messages_topic ON bus_messages (topic, id);

-- expand
-- Figures that the console shows over time: of the hub by minute and by hour, of a pharmacy by day, of a cause of failure
-- by hour; refused posts; unknown fields of records. comments.sql describes each table and column.

CREATE TABLE figure_minutes (
  at timestamptz PRIMARY KEY,
  seconds double precision NOT NULL,
  posts bigint NOT NULL DEFAULT 0,
  inserted bigint NOT NULL DEFAULT 0,
  updated bigint NOT NULL DEFAULT 0,
  unchanged bigint NOT NULL DEFAULT 0,
  merged bigint NOT NULL DEFAULT 0,
  rejected bigint NOT NULL DEFAULT 0,
  superseded bigint NOT NULL DEFAULT 0,
  deactivated bigint NOT NULL DEFAULT 0,
  completed bigint NOT NULL DEFAULT 0,
  partial_fail bigint NOT NULL DEFAULT 0,
  failed bigint NOT NULL DEFAULT 0,
  cancelled bigint NOT NULL DEFAULT 0,
  backlog bigint,
  workers integer,
  apis integer
) WITH (fillfactor = 50);
CREATE TABLE figure_hours (LIKE figure_minutes INCLUDING ALL) WITH (fillfactor = 50);

CREATE TABLE pharmacy_days (
  pharmacy_id bigint NOT NULL,
  day date NOT NULL,
  active bigint,
  batches bigint NOT NULL DEFAULT 0,
  failed bigint NOT NULL DEFAULT 0,
  records bigint NOT NULL DEFAULT 0,
  rejected bigint NOT NULL DEFAULT 0,
  PRIMARY KEY (pharmacy_id, day)
) WITH (fillfactor = 80);
CREATE INDEX pharmacy_days_day ON pharmacy_days (day);

CREATE TABLE pharmacy_rhythms (
  pharmacy_id bigint PRIMARY KEY,
  posts integer NOT NULL,
  last_at timestamptz NOT NULL,
  usual_gap interval,
  longest_gap interval
) WITH (fillfactor = 80);

CREATE TABLE failure_hours (
  fingerprint text NOT NULL,
  hour timestamptz NOT NULL,
  open bigint NOT NULL,
  PRIMARY KEY (fingerprint, hour)
);
CREATE INDEX failure_hours_hour ON failure_hours (hour);
-- Open dead letters by cause, oldest first; counting those of a cause reads this index alone.
CREATE INDEX dead_letters_open ON dead_letters (fingerprint, created_at, id) INCLUDE (cnpj) WHERE settled_at IS NULL;

CREATE TABLE refusals (
  hour timestamptz NOT NULL,
  cnpj text NOT NULL,
  key_name text NOT NULL,
  code text NOT NULL,
  address text NOT NULL,
  count bigint NOT NULL,
  last_at timestamptz NOT NULL,
  PRIMARY KEY (hour, cnpj, key_name, code, address)
) WITH (fillfactor = 80);
CREATE INDEX refusals_cnpj ON refusals (cnpj, hour) WHERE cnpj <> '';
CREATE INDEX refusals_key ON refusals (key_name, hour) WHERE key_name <> '';

CREATE TABLE unknown_fields (
  pharmacy_id bigint NOT NULL,
  field text NOT NULL,
  records bigint NOT NULL,
  first_seen_at timestamptz NOT NULL DEFAULT now(),
  last_seen_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (pharmacy_id, field)
);

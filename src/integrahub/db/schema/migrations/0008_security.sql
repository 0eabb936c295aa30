-- contract
-- Keys with an id, scopes and limits of their own; limits shared by all processes; an audit log with before and after.

ALTER TABLE api_keys RENAME COLUMN scope TO tenants;
ALTER TABLE api_keys
  ADD COLUMN public_id text UNIQUE,            -- NULL: a key chosen by its bearer, found by its hash
  ADD COLUMN scopes text[] NOT NULL DEFAULT '{ingest,read}'
    CHECK (cardinality(scopes) > 0 AND scopes <@ '{ingest,read,viewer,operator,admin}'::text[]),
  ADD COLUMN rate_limit text,                  -- NULL: that of the pharmacy posted for
  ADD COLUMN replaces uuid,                    -- the key this one was made to follow
  ADD CHECK (tenants = 'all' OR NOT scopes && '{viewer,operator,admin}'::text[]);

ALTER TABLE pharmacies ADD COLUMN rate_limit text;  -- NULL: the hub's setting

ALTER TABLE audit_log DROP COLUMN detail;
ALTER TABLE audit_log
  ADD COLUMN address text NOT NULL DEFAULT '',
  ADD COLUMN before jsonb,
  ADD COLUMN after jsonb,
  ADD COLUMN outcome text,                     -- done, or why not; NULL: under way, or cut short
  ADD COLUMN ended_at timestamptz;
CREATE INDEX audit_log_subject ON audit_log (subject, id);

-- What was taken of each limit, in this window and the one before; a crash may empty it.
CREATE UNLOGGED TABLE rate_windows (
  subject text PRIMARY KEY,                    -- a pharmacy, a key or an address
  number bigint NOT NULL DEFAULT 0,            -- of the window: seconds since 1970 over its length
  taken integer NOT NULL DEFAULT 0,
  before integer NOT NULL DEFAULT 0,
  touched_at timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 50);

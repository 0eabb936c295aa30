-- expand
-- People of the console: users, one-time links by which they set a password, sessions; and who of them acted in the audit log.
-- comments.sql describes the tables.

CREATE TABLE users (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name text NOT NULL,
  login text NOT NULL,
  email text NOT NULL DEFAULT '',
  role text NOT NULL CHECK (role IN ('viewer', 'operator', 'admin')),
  language text CHECK (language IN ('pt-BR', 'en')),
  theme text NOT NULL DEFAULT 'system' CHECK (theme IN ('system', 'light', 'dark')),
  shortcuts boolean NOT NULL DEFAULT true,
  password text,
  password_set_at timestamptz,
  sealed_totp bytea,
  totp_enabled_at timestamptz,
  totp_step bigint NOT NULL DEFAULT 0,
  created_at timestamptz NOT NULL DEFAULT now(),
  signed_in_at timestamptz,
  removed_at timestamptz
);
CREATE UNIQUE INDEX users_login ON users (login) WHERE removed_at IS NULL;

CREATE TABLE user_links (
  hash bytea PRIMARY KEY,
  user_id bigint NOT NULL REFERENCES users ON DELETE CASCADE,
  created_at timestamptz NOT NULL DEFAULT now(),
  expires_at timestamptz NOT NULL
);
CREATE INDEX user_links_user ON user_links (user_id);

CREATE TABLE user_sessions (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  hash bytea NOT NULL UNIQUE,
  user_id bigint NOT NULL REFERENCES users ON DELETE CASCADE,
  created_at timestamptz NOT NULL DEFAULT now(),
  seen_at timestamptz NOT NULL DEFAULT now(),
  confirmed_at timestamptz NOT NULL DEFAULT now(),
  address text NOT NULL DEFAULT '',
  agent text NOT NULL DEFAULT ''
) WITH (fillfactor = 80);
CREATE INDEX user_sessions_user ON user_sessions (user_id, created_at);

ALTER TABLE audit_log ADD COLUMN user_id bigint;
CREATE INDEX audit_log_user ON audit_log (user_id, id) WHERE user_id IS NOT NULL;
CREATE INDEX audit_log_actor ON audit_log (actor, id);
CREATE INDEX audit_log_action ON audit_log (action, id);
CREATE INDEX audit_log_at ON audit_log (at);
CREATE INDEX audit_log_address ON audit_log (at) WHERE address <> '';

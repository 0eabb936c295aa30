-- expand
-- Keys their bearers chose that are easy to guess. Of those kept before, a hint of three characters means under 24.

ALTER TABLE api_keys ADD COLUMN weak boolean NOT NULL DEFAULT false;
UPDATE api_keys SET weak = true WHERE public_id IS NULL AND length(hint) <= 3;

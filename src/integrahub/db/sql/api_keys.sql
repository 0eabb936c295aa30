-- find_live --
-- The key of a hash, unless revoked or expired.
SELECT id, scope, cnpjs FROM api_keys
WHERE hash = %(hash)s AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now())

-- create_unless_taken --
-- A new key; the same chosen key again comes back to life, but never with another reach.
INSERT INTO api_keys (hash, hint, scope, cnpjs, expires_at)
VALUES (%(hash)s, %(hint)s, %(scope)s, %(cnpjs)s, %(expires_at)s)
ON CONFLICT (hash) DO UPDATE SET revoked_at = NULL, expires_at = excluded.expires_at
  WHERE api_keys.scope = excluded.scope AND api_keys.cnpjs = excluded.cnpjs
RETURNING id, hint, scope, cnpjs, created_at, expires_at, revoked_at, last_used_at

-- all --
-- Every key, newest first.
SELECT id, hint, scope, cnpjs, created_at, expires_at, revoked_at, last_used_at FROM api_keys ORDER BY created_at DESC

-- find --
-- One key, live or not.
SELECT id, hint, scope, cnpjs, created_at, expires_at, revoked_at, last_used_at FROM api_keys WHERE id = %(id)s

-- revoke_if_live --
-- End a key's life.
UPDATE api_keys SET revoked_at = now() WHERE id = %(id)s AND revoked_at IS NULL RETURNING id

-- touch --
-- Remember the use, at most once a minute.
UPDATE api_keys SET last_used_at = now()
WHERE id = %(id)s AND (last_used_at IS NULL OR last_used_at < now() - interval '1 minute')

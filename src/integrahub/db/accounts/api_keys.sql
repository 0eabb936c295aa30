-- find_unrevoked_by_id --
-- The key with a public id, unless it is revoked; whether it is expired, and whether its use should be stored.
SELECT id, coalesce(family, id) AS family, hash, public_id, tenants, cnpjs, scopes, rate_limit, expires_at,
  coalesce(expires_at <= now(), false) AS is_expired, coalesce(last_used_at < now() - interval '1 minute', true) AS is_use_due
FROM api_keys
WHERE public_id = %(public_id)s AND revoked_at IS NULL

-- find_unrevoked_by_hash --
-- A key that its bearer chose, unless it is revoked.
SELECT id, coalesce(family, id) AS family, hash, public_id, tenants, cnpjs, scopes, rate_limit, expires_at,
  coalesce(expires_at <= now(), false) AS is_expired, coalesce(last_used_at < now() - interval '1 minute', true) AS is_use_due
FROM api_keys
WHERE hash = %(hash)s AND public_id IS NULL AND revoked_at IS NULL

-- create_unless_taken --
-- Store a key. The same chosen key becomes active again, but never for other pharmacies.
INSERT INTO api_keys (hash, hint, public_id, tenants, cnpjs, scopes, expires_at, rate_limit, replaces, family, weak)
VALUES (%(hash)s, %(hint)s, %(public_id)s, %(tenants)s, %(cnpjs)s, %(scopes)s, %(expires_at)s, %(rate_limit)s,
  %(replaces)s, (SELECT coalesce(k.family, k.id) FROM api_keys k WHERE k.id = %(replaces)s), %(weak)s)
ON CONFLICT (hash) DO UPDATE SET revoked_at = NULL, expires_at = excluded.expires_at, weak = excluded.weak
  WHERE api_keys.tenants = excluded.tenants AND api_keys.cnpjs = excluded.cnpjs
RETURNING id, hint, tenants, cnpjs, scopes, rate_limit, replaces, created_at, expires_at, revoked_at, last_used_at, weak

-- list_all --
-- All keys, newest first.
SELECT id, hint, tenants, cnpjs, scopes, rate_limit, replaces, created_at, expires_at, revoked_at, last_used_at, weak
FROM api_keys ORDER BY created_at DESC

-- find --
-- One key, also if it is expired or revoked.
SELECT id, hint, tenants, cnpjs, scopes, rate_limit, replaces, created_at, expires_at, revoked_at, last_used_at, weak
FROM api_keys WHERE id = %(id)s

-- revoke_if_live --
-- Revoke a key.
UPDATE api_keys SET revoked_at = now() WHERE id = %(id)s AND revoked_at IS NULL RETURNING id

-- expire_if_later --
-- Let a replaced key expire in some hours, unless it expires earlier.
UPDATE api_keys SET expires_at = least(expires_at, now() + make_interval(hours => %(hours)s))
WHERE id = %(id)s AND revoked_at IS NULL RETURNING expires_at

-- touch --
-- Store the use of a key.
UPDATE api_keys SET last_used_at = now() WHERE id = %(id)s

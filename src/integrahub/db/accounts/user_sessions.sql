-- insert --
-- Store a session.
INSERT INTO user_sessions (hash, user_id, address, agent) VALUES (%(hash)s, %(user_id)s, %(address)s, %(agent)s)

-- delete_over --
-- Delete sessions that are idle for 60 minutes, or 12 hours old.
DELETE FROM user_sessions WHERE seen_at <= now() - interval '60 minutes' OR created_at <= now() - interval '12 hours'

-- find_live --
-- The session with a hash, and its person, unless the session is over or the person was removed.
SELECT s.id AS session_id, s.user_id, u.name, u.role, u.language, u.theme, u.keys_off,
  u.totp_enabled_at IS NOT NULL AS has_totp, s.confirmed_at <= now() - interval '10 minutes' AS needs_password,
  s.seen_at <= now() - interval '1 minute' AS is_touch_due
FROM user_sessions s JOIN users u ON u.id = s.user_id
WHERE s.hash = %(hash)s AND s.seen_at > now() - interval '60 minutes' AND s.created_at > now() - interval '12 hours'
  AND u.removed_at IS NULL

-- touch --
-- Store the use of a session.
UPDATE user_sessions SET seen_at = now() WHERE id = %(id)s

-- confirm --
-- Store that the person of a session typed the password.
UPDATE user_sessions SET confirmed_at = now() WHERE id = %(id)s

-- list_live --
-- The live sessions of a person, newest first.
SELECT id, user_id, created_at, seen_at, address, agent FROM user_sessions
WHERE user_id = %(user_id)s AND seen_at > now() - interval '60 minutes' AND created_at > now() - interval '12 hours'
ORDER BY created_at DESC, id LIMIT 200

-- end --
-- End a session of a person.
DELETE FROM user_sessions WHERE id = %(id)s AND user_id = %(user_id)s RETURNING id

-- end_all --
-- End the sessions of a person, except one.
DELETE FROM user_sessions WHERE user_id = %(user_id)s AND id IS DISTINCT FROM %(except_id)s

-- insert_unless_taken --
-- Store a person without a password.
INSERT INTO users (name, login, email, role, language)
VALUES (%(name)s, %(login)s, %(email)s, %(role)s, %(language)s)
ON CONFLICT (login) WHERE removed_at IS NULL DO NOTHING
RETURNING id, name, email, role, language, theme, keys_off, password_set_at, totp_enabled_at, created_at, signed_in_at, removed_at

-- list_all --
-- People by name.
SELECT id, name, email, role, language, theme, keys_off, password_set_at, totp_enabled_at, created_at, signed_in_at, removed_at
FROM users WHERE removed_at IS NULL OR %(with_removed)s ORDER BY removed_at IS NOT NULL, login, id LIMIT 1000

-- find --
-- One person, also if removed.
SELECT id, name, email, role, language, theme, keys_off, password_set_at, totp_enabled_at, created_at, signed_in_at, removed_at
FROM users WHERE id = %(id)s

-- find_by_login --
-- The person with a name who is not removed.
SELECT id, name, email, role, language, theme, keys_off, password_set_at, totp_enabled_at, created_at, signed_in_at, removed_at
FROM users WHERE login = %(login)s AND removed_at IS NULL

-- find_credentials --
-- What a person signs in with.
SELECT id, name, password, sealed_totp, totp_enabled_at, totp_step FROM users
WHERE removed_at IS NULL AND CASE WHEN %(id)s::bigint IS NULL THEN login = %(login)s ELSE id = %(id)s END

-- has_admin --
-- Whether an administrator has set a password.
SELECT EXISTS (SELECT FROM users WHERE role = 'admin' AND password IS NOT NULL AND removed_at IS NULL)

-- lock_admins --
-- Lock the administrators in one order, so that two of them cannot end each other's role at the same time.
SELECT id FROM users WHERE role = 'admin' AND removed_at IS NULL ORDER BY id FOR UPDATE

-- update_if_admin_left --
-- Change a person. The last administrator with a password keeps the role.
UPDATE users u SET name = coalesce(%(name)s, name), login = coalesce(%(login)s, login), email = coalesce(%(email)s, email),
  role = coalesce(%(role)s, role), language = coalesce(%(language)s, language), theme = coalesce(%(theme)s, theme),
  keys_off = coalesce(%(keys_off)s::text[], keys_off)
WHERE id = %(id)s AND removed_at IS NULL AND (coalesce(%(role)s, 'admin') = 'admin' OR role <> 'admin' OR EXISTS (
  SELECT FROM users o WHERE o.id <> u.id AND o.role = 'admin' AND o.password IS NOT NULL AND o.removed_at IS NULL))
RETURNING id, name, email, role, language, theme, keys_off, password_set_at, totp_enabled_at, created_at, signed_in_at, removed_at

-- remove_if_admin_left --
-- Remove a person; the row stays, for the audit log. The last administrator with a password stays.
UPDATE users u SET removed_at = now(), password = NULL, sealed_totp = NULL, totp_enabled_at = NULL
WHERE id = %(id)s AND removed_at IS NULL AND (role <> 'admin' OR EXISTS (
  SELECT FROM users o WHERE o.id <> u.id AND o.role = 'admin' AND o.password IS NOT NULL AND o.removed_at IS NULL))
RETURNING id, name, email, role, language, theme, keys_off, password_set_at, totp_enabled_at, created_at, signed_in_at, removed_at

-- delete_sessions --
-- End all sessions of a person.
DELETE FROM user_sessions WHERE user_id = %(id)s

-- delete_links --
-- End all one-time links of a person.
DELETE FROM user_links WHERE user_id = %(id)s

-- insert_link --
-- Store a one-time link.
INSERT INTO user_links (hash, user_id, expires_at) VALUES (%(hash)s, %(id)s, now() + %(ttl)s)

-- find_by_link --
-- The person of a link that is not expired.
SELECT u.id, u.name, u.email, u.role, u.language, u.theme, u.keys_off, u.password_set_at, u.totp_enabled_at, u.created_at,
  u.signed_in_at, u.removed_at
FROM user_links l JOIN users u ON u.id = l.user_id
WHERE l.hash = %(hash)s AND l.expires_at > now() AND u.removed_at IS NULL

-- delete_live_link --
-- End a link that is not expired. Of two uses at the same time, one finds it.
DELETE FROM user_links WHERE hash = %(hash)s AND expires_at > now() RETURNING user_id

-- reset_credentials --
-- Set the password of a person and delete the second factor.
UPDATE users SET password = %(password)s, password_set_at = now(), sealed_totp = NULL, totp_enabled_at = NULL
WHERE id = %(id)s AND removed_at IS NULL
RETURNING id, name, email, role, language, theme, keys_off, password_set_at, totp_enabled_at, created_at, signed_in_at, removed_at

-- set_password --
-- Set the password of a person.
UPDATE users SET password = %(password)s, password_set_at = now() WHERE id = %(id)s AND removed_at IS NULL

-- store_totp_if_off --
-- Store the secret of a second factor that the person still has to confirm.
UPDATE users SET sealed_totp = %(sealed)s, totp_step = 0 WHERE id = %(id)s AND totp_enabled_at IS NULL AND removed_at IS NULL

-- enable_totp_if_off --
-- Enable a second factor whose first code was accepted.
UPDATE users SET totp_enabled_at = now(), totp_step = %(step)s
WHERE id = %(id)s AND totp_enabled_at IS NULL AND sealed_totp IS NOT NULL AND removed_at IS NULL RETURNING id

-- disable_totp --
-- Delete the second factor of a person.
UPDATE users SET sealed_totp = NULL, totp_enabled_at = NULL WHERE id = %(id)s

-- spend_code_once --
-- Store that a code was used. A code works once, and not after a later one.
UPDATE users SET totp_step = %(step)s
WHERE id = %(id)s AND totp_step < %(step)s AND totp_enabled_at IS NOT NULL AND removed_at IS NULL RETURNING id

-- record_sign_in --
-- Store the time of a sign-in.
UPDATE users SET signed_in_at = now() WHERE id = %(id)s

-- anonymise_if_removed --
-- Replace the name of a removed person here and in the audit log. No row if the person is not removed.
SELECT done FROM anonymise_user(%(id)s, %(name)s) AS done WHERE done

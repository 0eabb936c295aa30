-- find --
-- The pharmacy of a CNPJ.
SELECT id, cnpj, name, city, state, time_zone, deactivation_limit, full_window_minutes, rate_limit, created_at
FROM pharmacies WHERE cnpj = %(cnpj)s

-- find_many --
-- The pharmacies of several CNPJs, and since when their webhook endpoints are disabled.
SELECT id, cnpj, name, city, state, time_zone, deactivation_limit, full_window_minutes, rate_limit, created_at,
  (SELECT e.disabled_at FROM webhook_endpoints e
    WHERE e.pharmacy_id = p.id AND e.owner = 'pharmacy' AND e.deleted_at IS NULL) AS webhook_disabled_at
FROM pharmacies p WHERE cnpj = ANY(%(cnpjs)s::text[])

-- create_if_absent --
-- Create a pharmacy with its turn row; return no row if it exists.
WITH born AS (
  INSERT INTO pharmacies (cnpj, name, city, state) VALUES (%(cnpj)s, %(name)s, %(city)s, %(state)s)
  ON CONFLICT (cnpj) DO NOTHING RETURNING *
), turn AS (
  INSERT INTO pharmacy_turns (pharmacy_id) SELECT id FROM born
)
SELECT id, cnpj, name, city, state, time_zone, deactivation_limit, full_window_minutes, rate_limit, created_at FROM born

-- page --
-- Pharmacies in CNPJ order after the cursor.
SELECT id, cnpj, name, city, state, time_zone, deactivation_limit, full_window_minutes, rate_limit, created_at
FROM pharmacies WHERE cnpj > %(after)s ORDER BY cnpj LIMIT %(limit)s

-- silent --
-- Pharmacies that are silent for unusually long, in CNPJ order after the cursor; times in seconds.
SELECT p.id, p.cnpj, p.name, p.city, p.state, s.last_at, extract(epoch FROM s.longest_gap)::float8 AS longest_gap,
  extract(epoch FROM s.silent_for)::float8 AS silent_for
FROM silent_pharmacies s JOIN pharmacies p ON p.cnpj = s.cnpj
WHERE p.cnpj > %(after)s ORDER BY p.cnpj LIMIT %(limit)s

-- update --
-- Change the settings that are not null.
UPDATE pharmacies SET
  name = coalesce(%(name)s, name), city = coalesce(%(city)s, city), state = coalesce(%(state)s, state),
  time_zone = coalesce(%(time_zone)s, time_zone),
  deactivation_limit = coalesce(%(deactivation_limit)s, deactivation_limit),
  full_window_minutes = coalesce(%(full_window_minutes)s, full_window_minutes),
  rate_limit = coalesce(%(rate_limit)s, rate_limit)
WHERE cnpj = %(cnpj)s
RETURNING id, cnpj, name, city, state, time_zone, deactivation_limit, full_window_minutes, rate_limit, created_at

-- find_existing --
-- At most two of these CNPJs that exist: with two, it is not clear which one was meant.
SELECT cnpj FROM pharmacies WHERE cnpj = ANY(%(cnpjs)s::text[]) LIMIT 2

-- replace --
-- Set all settings. Null sets that of the hub.
UPDATE pharmacies SET name = %(name)s, city = %(city)s, state = %(state)s, time_zone = %(time_zone)s,
  deactivation_limit = %(deactivation_limit)s, full_window_minutes = %(full_window_minutes)s, rate_limit = %(rate_limit)s
WHERE cnpj = %(cnpj)s
RETURNING id, cnpj, name, city, state, time_zone, deactivation_limit, full_window_minutes, rate_limit, created_at

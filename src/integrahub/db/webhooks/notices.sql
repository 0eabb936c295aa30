-- insert_disabled --
-- Insert the delivery that says to the operator that an endpoint was disabled.
INSERT INTO webhook_deliveries (endpoint_id, event, pharmacy_id, facts, state, next_attempt_at)
SELECT o.id, 'webhook.disabled', e.pharmacy_id, jsonb_build_object('endpoint_id', e.id, 'owner', e.owner, 'cnpj', p.cnpj,
    'url', e.url, 'reason', e.disabled_reason, 'failing_since', e.failing_since, 'disabled_at', e.disabled_at),
  CASE o.state WHEN 'enabled' THEN 'pending' ELSE 'held' END, CASE o.state WHEN 'enabled' THEN now() END
FROM webhook_endpoints e LEFT JOIN pharmacies p ON p.id = e.pharmacy_id
JOIN webhook_endpoints o ON o.owner = 'operator' AND o.deleted_at IS NULL AND 'webhook.disabled' = ANY(o.events)
WHERE e.id = %(endpoint_id)s AND o.id <> e.id

-- lock --
-- Wait until no other worker looks for silent pharmacies and expiring keys.
SELECT pg_advisory_xact_lock(hashtextextended('integrahub webhook notices', 0))

-- has_listener --
-- Whether any endpoint receives one of these events.
SELECT EXISTS (SELECT FROM webhook_endpoints WHERE deleted_at IS NULL AND events && %(events)s::text[])

-- forget_silences --
-- Forget which pharmacies are silent, as no endpoint hears of it. All statements here skip pharmacies that another
-- transaction locks: one that applies several FULLs locks as many, in an order of its own. The next run finds them.
UPDATE pharmacies p SET silent_since = NULL
FROM (SELECT id FROM pharmacies WHERE silent_since IS NOT NULL FOR NO KEY UPDATE SKIP LOCKED) m WHERE p.id = m.id

-- insert_silent --
-- Mark the pharmacies that have fallen silent, and insert the deliveries that say so.
WITH changed AS (
  UPDATE pharmacies p SET silent_since = s.last_at
  FROM (SELECT f.id, i.last_at, i.longest_gap, i.silent_for FROM silent_pharmacies i
    JOIN pharmacies f ON f.cnpj = i.cnpj WHERE f.silent_since IS NULL FOR NO KEY UPDATE OF f SKIP LOCKED) s
  WHERE p.id = s.id
  RETURNING p.id AS pharmacy_id, p.cnpj, p.name, s.last_at, extract(epoch FROM s.longest_gap)::float8 AS longest_gap,
    extract(epoch FROM s.silent_for)::float8 AS silent_for),
events AS (SELECT f.*, 'pharmacy.silent' AS event, to_jsonb(f) AS facts FROM changed f)

-- insert_heard --
-- Unmark the pharmacies that have posted again, and insert the deliveries that say so.
WITH changed AS (
  UPDATE pharmacies p SET silent_since = NULL
  FROM (SELECT id FROM pharmacies WHERE silent_since IS NOT NULL FOR NO KEY UPDATE SKIP LOCKED) m
  CROSS JOIN LATERAL (SELECT received_at FROM batches b WHERE b.pharmacy_id = m.id AND b.kind = 'load'
    ORDER BY b.received_seq DESC LIMIT 1) l
  WHERE p.id = m.id AND l.received_at > p.silent_since
  RETURNING p.id AS pharmacy_id, p.cnpj, p.name, l.received_at AS last_at, old.silent_since AS silent_since,
    extract(epoch FROM l.received_at - old.silent_since)::float8 AS silent_for),
events AS (SELECT f.*, 'pharmacy.heard' AS event, to_jsonb(f) AS facts FROM changed f)

-- insert_events --
-- Insert a delivery for each endpoint that receives one of the events of pharmacies.
INSERT INTO webhook_deliveries (endpoint_id, event, pharmacy_id, facts, state, next_attempt_at)
SELECT e.id, f.event, f.pharmacy_id, f.facts, CASE e.state WHEN 'enabled' THEN 'pending' ELSE 'held' END,
  CASE e.state WHEN 'enabled' THEN now() END
FROM events f JOIN webhook_endpoints e ON e.deleted_at IS NULL AND f.event = ANY(e.events)
WHERE CASE e.owner WHEN 'operator' THEN true WHEN 'pharmacy' THEN e.pharmacy_id = f.pharmacy_id
  ELSE EXISTS (SELECT FROM live_keys k WHERE k.family = e.key_id)
    AND (e.pharmacy_id = f.pharmacy_id OR e.pharmacy_id IS NULL AND (e.cnpjs IS NULL OR f.cnpj = ANY(e.cnpjs))
      AND NOT EXISTS (SELECT FROM webhook_endpoints own WHERE own.pharmacy_id = f.pharmacy_id
        AND own.key_id = e.key_id AND own.deleted_at IS NULL)) END

-- insert_expiring --
-- Insert the deliveries that say to the operator which keys expire soon, once a key and expiry. A key that another one
-- replaces is expected to expire.
INSERT INTO webhook_deliveries (endpoint_id, event, facts, state, next_attempt_at)
SELECT o.id, 'key.expiring', jsonb_build_object('key_id', k.id, 'hint', k.hint, 'scopes', k.scopes, 'tenants', k.tenants,
    'cnpjs', k.cnpjs, 'expires_at', k.expires_at, 'last_used_at', k.last_used_at),
  CASE o.state WHEN 'enabled' THEN 'pending' ELSE 'held' END, CASE o.state WHEN 'enabled' THEN now() END
FROM api_keys k JOIN webhook_endpoints o ON o.owner = 'operator' AND o.deleted_at IS NULL
  AND 'key.expiring' = ANY(o.events)
WHERE k.revoked_at IS NULL AND k.expires_at BETWEEN now() AND now() + make_interval(days => %(days)s)
  AND NOT EXISTS (SELECT FROM api_keys n WHERE n.replaces = k.id AND n.revoked_at IS NULL)
  AND NOT EXISTS (SELECT FROM webhook_deliveries d WHERE d.endpoint_id = o.id AND d.event = 'key.expiring'
    AND d.facts->>'key_id' = k.id::text AND (d.facts->>'expires_at')::timestamptz = k.expires_at)

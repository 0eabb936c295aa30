-- page_of_endpoints --
-- List deliveries of some endpoints that match all filters, newest first, after the cursor.
SELECT d.id, d.endpoint_id, d.event, p.cnpj, d.batch_id, d.occurred_at, d.state, d.attempts, d.next_attempt_at,
  d.created_at, d.ended_at, a.status AS last_status, a.error AS last_error
FROM unnest(%(endpoints)s::uuid[]) AS e (id)
CROSS JOIN LATERAL (
  SELECT w.* FROM webhook_deliveries w WHERE w.endpoint_id = e.id
    AND (w.created_at, w.id) < (coalesce(%(after_at)s::timestamptz, 'infinity'),
      coalesce(%(after_id)s::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff'))
    AND w.created_at >= coalesce(%(since)s::timestamptz, '-infinity')
    AND (%(state)s::text IS NULL OR w.state = %(state)s) AND (%(event)s::text IS NULL OR w.event = %(event)s)
    AND (%(batch_id)s::uuid IS NULL OR w.batch_id = %(batch_id)s)
    AND (%(cnpj)s::text IS NULL OR w.pharmacy_id = (SELECT id FROM pharmacies WHERE cnpj = %(cnpj)s))
  ORDER BY w.created_at DESC, w.id DESC LIMIT %(limit)s) d
LEFT JOIN pharmacies p ON p.id = d.pharmacy_id
LEFT JOIN LATERAL (
  SELECT status, error FROM webhook_attempts WHERE delivery_id = d.id ORDER BY number DESC LIMIT 1) a ON true
ORDER BY d.created_at DESC, d.id DESC LIMIT %(limit)s

-- page_of_all --
-- List deliveries of every endpoint that match all filters, newest first, after the cursor: for operators.
SELECT d.id, d.endpoint_id, d.event, p.cnpj, d.batch_id, d.occurred_at, d.state, d.attempts, d.next_attempt_at,
  d.created_at, d.ended_at, a.status AS last_status, a.error AS last_error
FROM webhook_deliveries d LEFT JOIN pharmacies p ON p.id = d.pharmacy_id
LEFT JOIN LATERAL (
  SELECT status, error FROM webhook_attempts WHERE delivery_id = d.id ORDER BY number DESC LIMIT 1) a ON true
WHERE (d.created_at, d.id) < (coalesce(%(after_at)s::timestamptz, 'infinity'),
    coalesce(%(after_id)s::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff'))
  AND d.created_at >= coalesce(%(since)s::timestamptz, '-infinity')
  AND (%(state)s::text IS NULL OR d.state = %(state)s) AND (%(event)s::text IS NULL OR d.event = %(event)s)
  AND (%(batch_id)s::uuid IS NULL OR d.batch_id = %(batch_id)s)
  AND (%(cnpj)s::text IS NULL OR d.pharmacy_id = (SELECT id FROM pharmacies WHERE cnpj = %(cnpj)s))
ORDER BY d.created_at DESC, d.id DESC LIMIT %(limit)s

-- find --
-- Read one delivery, if its endpoint is one of these; null: any.
SELECT d.id, d.endpoint_id, d.event, p.cnpj, d.batch_id, d.occurred_at, d.state, d.attempts, d.next_attempt_at,
  d.created_at, d.ended_at, a.status AS last_status, a.error AS last_error, d.body
FROM webhook_deliveries d LEFT JOIN pharmacies p ON p.id = d.pharmacy_id
LEFT JOIN LATERAL (
  SELECT status, error FROM webhook_attempts WHERE delivery_id = d.id ORDER BY number DESC LIMIT 1) a ON true
WHERE d.id = %(id)s AND (%(endpoints)s::uuid[] IS NULL OR d.endpoint_id = ANY(%(endpoints)s))

-- attempts --
-- List the attempts of a delivery.
SELECT number, at, milliseconds, status, error, excerpt FROM webhook_attempts
WHERE delivery_id = %(id)s ORDER BY number

-- insert_test --
-- Insert a test event for an endpoint that is enabled, unless it had `limit` tests in the last minute.
INSERT INTO webhook_deliveries (endpoint_id, event, pharmacy_id, next_attempt_at)
SELECT e.id, 'webhook.test', e.pharmacy_id, now() FROM webhook_endpoints e
WHERE e.id = %(endpoint)s AND e.state = 'enabled' AND e.deleted_at IS NULL
  AND (SELECT count(*) FROM webhook_deliveries d WHERE d.endpoint_id = e.id AND d.event = 'webhook.test'
    AND d.created_at > now() - interval '1 minute') < %(limit)s
RETURNING id

-- replay --
-- Send a delivery in any state again under its id. One that a worker is sending now stays as it is.
UPDATE webhook_deliveries d SET state = 'pending', next_attempt_at = now(), ended_at = NULL, attempts_before = d.attempts
FROM webhook_endpoints e
WHERE d.id = %(id)s AND e.id = d.endpoint_id AND e.state = 'enabled' AND e.deleted_at IS NULL
  AND coalesce(d.lease_until, '-infinity') <= now()
RETURNING d.id

-- replay_some --
-- Send deliveries of an endpoint in these states again, oldest first, after the one where the last call ended.
WITH found AS (
  SELECT id, created_at FROM webhook_deliveries
  WHERE endpoint_id = %(endpoint)s AND state = ANY(%(states)s)
    AND (created_at, id) > (%(after_at)s, %(after_id)s)
  ORDER BY created_at, id LIMIT %(limit)s FOR UPDATE)
UPDATE webhook_deliveries d SET state = 'pending', next_attempt_at = now(), ended_at = NULL, attempts_before = d.attempts
FROM found f, webhook_endpoints e
WHERE d.id = f.id AND e.id = d.endpoint_id AND e.state = 'enabled' AND e.deleted_at IS NULL
RETURNING d.id, d.created_at

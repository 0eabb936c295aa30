-- endpoints --
-- Endpoints that match all filters, those that ask for attention first, after the cursor.
WITH page AS (
  SELECT e.*, CASE WHEN e.state = 'disabled' THEN 0 WHEN e.failing_since IS NOT NULL THEN 1 ELSE 2 END AS rank
  FROM webhook_endpoints e WHERE e.deleted_at IS NULL)
SELECT e.id, e.rank, e.owner, p.cnpj, p.name, k.hint AS key_hint, e.url, e.host, e.events, e.description, e.state, e.failing_since,
  e.disabled_at, e.disabled_reason, e.created_at, l.created_at AS last_at, l.state AS last_state, w.held, w.pending
FROM (SELECT * FROM page e
  WHERE (%(id)s::uuid IS NULL OR e.id = %(id)s)
    AND (%(cnpj)s::text IS NULL OR e.pharmacy_id = (SELECT id FROM pharmacies WHERE cnpj = %(cnpj)s))
    AND (%(after_rank)s::integer IS NULL OR (e.rank, e.id) > (%(after_rank)s, %(after_id)s::uuid))
    AND CASE %(state)s::text WHEN 'disabled' THEN e.rank = 0 WHEN 'failing' THEN e.rank = 1 WHEN 'enabled' THEN e.rank = 2
      ELSE true END
  ORDER BY e.rank, e.id LIMIT %(limit)s) e
LEFT JOIN pharmacies p ON p.id = e.pharmacy_id
LEFT JOIN api_keys k ON k.id = e.key_id
LEFT JOIN LATERAL (SELECT d.created_at, d.state FROM webhook_deliveries d WHERE d.endpoint_id = e.id
  ORDER BY d.created_at DESC, d.id DESC LIMIT 1) l ON true
CROSS JOIN LATERAL (SELECT
  (SELECT count(*) FROM (SELECT FROM webhook_deliveries d WHERE d.endpoint_id = e.id AND d.state = 'held'
    LIMIT %(counted)s + 1) h) AS held,
  (SELECT count(*) FROM (SELECT FROM webhook_deliveries d WHERE d.endpoint_id = e.id AND d.state = 'pending'
    LIMIT %(counted)s + 1) h) AS pending) w
ORDER BY e.rank, e.id

-- deliveries --
-- Deliveries that match all filters, newest first, after the cursor.
SELECT d.id, d.endpoint_id, e.host, d.event, p.cnpj, p.name, d.batch_id, d.state, d.attempts, d.next_attempt_at, d.created_at,
  d.ended_at, a.status AS last_status, a.error AS last_error, a.milliseconds
FROM webhook_deliveries d JOIN webhook_endpoints e ON e.id = d.endpoint_id
LEFT JOIN pharmacies p ON p.id = d.pharmacy_id
LEFT JOIN LATERAL (SELECT status, error, milliseconds FROM webhook_attempts WHERE delivery_id = d.id
  ORDER BY number DESC LIMIT 1) a ON true
WHERE (d.created_at, d.id) < (coalesce(%(after_at)s::timestamptz, 'infinity'),
    coalesce(%(after_id)s::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff'))
  AND d.created_at >= coalesce(%(since)s::timestamptz, '-infinity')

-- in_state --
-- Only those in one state.
AND d.state = %(state)s

-- in_troubled_state --
-- Only those in one of the states that ask for attention.
AND d.state = %(state)s AND d.state IN ('failed', 'held')

-- of_event --
-- Only those of one event.
AND d.event = %(event)s

-- of_pharmacy --
-- Only those of one pharmacy.
AND d.pharmacy_id = (SELECT id FROM pharmacies WHERE cnpj = %(cnpj)s)

-- of_endpoint --
-- Only those of one endpoint.
AND d.endpoint_id = %(endpoint)s

-- up_to_top --
-- Only the first line of a list that is shown, and what follows it.
AND (d.created_at, d.id) <= (%(top)s::timestamptz, %(top_id)s::uuid)

-- newest_first --
-- Newest first.
ORDER BY d.created_at DESC, d.id DESC LIMIT %(limit)s

-- newer --
-- Begin the count of deliveries that are newer than the first line of a list. Filters follow.
SELECT count(*) FROM (SELECT FROM webhook_deliveries d
  WHERE (d.created_at, d.id) > (%(top)s::timestamptz, %(top_id)s::uuid)
    AND d.created_at >= coalesce(%(since)s::timestamptz, '-infinity')

-- newer_end --
-- End it.
  LIMIT 100) n

-- find_delivery --
-- One delivery, with its body.
SELECT d.id, d.endpoint_id, e.host, d.event, p.cnpj, p.name, d.batch_id, d.state, d.attempts, d.next_attempt_at, d.created_at,
  d.ended_at, NULL AS last_status, NULL AS last_error, NULL AS milliseconds, d.body, d.occurred_at,
  e.state = 'enabled' AND e.deleted_at IS NULL AS can_send
FROM webhook_deliveries d JOIN webhook_endpoints e ON e.id = d.endpoint_id
LEFT JOIN pharmacies p ON p.id = d.pharmacy_id WHERE d.id = %(id)s

-- count_in_state --
-- Deliveries of an endpoint in a state since a time, counted up to a limit.
SELECT count(*) FROM (SELECT FROM webhook_deliveries
  WHERE endpoint_id = %(endpoint)s AND state = %(state)s AND created_at >= %(since)s LIMIT %(counted)s + 1) d

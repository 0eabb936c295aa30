-- overview --
-- All pharmacies with their rhythm, their latest load, the status of their latest final load, and held deactivations.
SELECT p.id, p.cnpj, p.name, p.city, p.state AS uf, l.id AS last_batch, l.received_at AS last_at, l.status AS last_status,
  l.load_type AS last_type, f.status AS final_status, coalesce(r.posts, 0) AS posts, r.usual_gap, r.longest_gap,
  coalesce(h.held, 0) AS held
FROM pharmacies p
LEFT JOIN pharmacy_rhythms r ON r.pharmacy_id = p.id
LEFT JOIN LATERAL (SELECT b.id, b.received_at, b.status, b.load_type FROM batches b
  WHERE b.pharmacy_id = p.id AND b.kind = 'load' ORDER BY b.received_seq DESC LIMIT 1) l ON true
LEFT JOIN LATERAL (SELECT b.status FROM batches b
  WHERE b.pharmacy_id = p.id AND b.kind = 'load' AND b.finished_at IS NOT NULL
  ORDER BY b.received_seq DESC LIMIT 1) f ON true
LEFT JOIN (SELECT pharmacy_id, count(*) AS held FROM batches WHERE deactivation_state = 'held'
  GROUP BY pharmacy_id) h ON h.pharmacy_id = p.id
ORDER BY p.cnpj LIMIT %(limit)s

-- rejected --
-- Records rejected in 7 days by pharmacy, for the order of the list.
SELECT pharmacy_id, sum(rejected)::bigint AS records FROM pharmacy_days
WHERE day > (now() AT TIME ZONE 'UTC')::date - 7 AND rejected > 0 GROUP BY pharmacy_id

-- page_figures --
-- Of some pharmacies: records rejected in 7 days, posts refused in 24 hours, and their active keys.
WITH wanted AS (SELECT id, cnpj FROM pharmacies WHERE id = ANY(%(ids)s)),
keys AS (
  SELECT k.cnpjs[1] AS cnpj, 'key ' || coalesce(k.public_id, k.id::text) AS key_name, k.expires_at,
    k.revoked_at IS NULL AND coalesce(k.expires_at > now(), true) AS is_active
  FROM api_keys k JOIN wanted w ON w.cnpj = k.cnpjs[1]
  WHERE k.tenants = 'pharmacies' AND cardinality(k.cnpjs) = 1),
refused AS (
  SELECT r.cnpj, r.count FROM refusals r JOIN wanted w ON w.cnpj = r.cnpj
  WHERE r.cnpj <> '' AND r.hour > now() - interval '24 hours'
  UNION ALL
  SELECT k.cnpj, r.count FROM refusals r JOIN keys k ON k.key_name = r.key_name
  WHERE r.key_name <> '' AND r.cnpj = '' AND r.hour > now() - interval '24 hours')
SELECT w.id, coalesce(d.rejected, 0)::bigint AS rejected, coalesce(r.refused, 0)::bigint AS refused,
  coalesce(k.active, 0) AS active_keys, CASE WHEN k.endless = 0 THEN k.last_expiry END AS keys_end_at
FROM wanted w
LEFT JOIN (SELECT pharmacy_id, sum(rejected) AS rejected FROM pharmacy_days
  WHERE pharmacy_id = ANY(%(ids)s) AND day > (now() AT TIME ZONE 'UTC')::date - 7 GROUP BY pharmacy_id) d ON d.pharmacy_id = w.id
LEFT JOIN (SELECT cnpj, sum(count) AS refused FROM refused GROUP BY cnpj) r ON r.cnpj = w.cnpj
LEFT JOIN (SELECT cnpj, count(*) AS active, count(*) FILTER (WHERE expires_at IS NULL) AS endless,
    max(expires_at) AS last_expiry FROM keys WHERE is_active GROUP BY cnpj) k ON k.cnpj = w.cnpj

-- rhythm --
-- The rhythm of a pharmacy over its latest posts, counted now.
SELECT count(*) AS posts, max(received_at) AS last_at, max(gap) AS longest_gap,
  percentile_cont(0.5) WITHIN GROUP (ORDER BY gap) AS usual_gap
FROM (SELECT received_at, received_at - lag(received_at) OVER (ORDER BY received_seq) AS gap
  FROM (SELECT received_seq, received_at FROM batches WHERE pharmacy_id = %(id)s AND kind = 'load'
    ORDER BY received_seq DESC LIMIT 50) latest) gaps

-- latest_loads --
-- The latest loads and operations of a pharmacy, newest first.
SELECT id, kind, status, stage, load_type, received_at, finished_at, items_total, inserted, updated, unchanged, rejected,
  deactivated, deactivation_state, error_code, error_facts
FROM batches WHERE pharmacy_id = %(id)s ORDER BY received_seq DESC LIMIT %(limit)s

-- failed_loads --
-- The latest final loads of a pharmacy that failed, back to the first one that did not; at most 50.
SELECT count(*) AS count, min(received_at) AS first_at, max(received_at) AS last_at,
  (array_agg(error_code ORDER BY received_seq DESC))[1] AS error_code,
  (array_agg(error_facts ORDER BY received_seq DESC))[1] AS error_facts
FROM (SELECT *, count(*) FILTER (WHERE status <> 'FAILED') OVER (ORDER BY received_seq DESC) AS others
  FROM (SELECT received_seq, received_at, status, error_code, error_facts FROM batches
    WHERE pharmacy_id = %(id)s AND kind = 'load' AND finished_at IS NOT NULL
    ORDER BY received_seq DESC LIMIT 50) latest) runs
WHERE others = 0
HAVING count(*) > 0

-- held --
-- The held deactivations of a pharmacy, oldest first.
SELECT id, received_at, deactivation_candidates AS candidates, deactivation_active AS active FROM batches
WHERE pharmacy_id = %(id)s AND deactivation_state = 'held' ORDER BY received_seq LIMIT %(limit)s

-- keys --
-- The keys that may post for a pharmacy, or could until they ended: the active ones first, then the newest.
SELECT id, 'key ' || coalesce(public_id, id::text) AS name, hint, tenants, cardinality(cnpjs) AS pharmacies, scopes,
  rate_limit, replaces, created_at, expires_at, revoked_at, last_used_at, weak,
  revoked_at IS NULL AND coalesce(expires_at > now(), true) AS is_active
FROM api_keys WHERE (tenants = 'all' OR cnpjs @> ARRAY[%(cnpj)s]) AND scopes && '{ingest,read}'::text[]
ORDER BY is_active DESC, created_at DESC LIMIT %(limit)s

-- refusals --
-- Refused posts since a time that name the CNPJ or a key of this pharmacy alone, or that name a key of several
-- pharmacies and no CNPJ; the latest first.
SELECT cnpj, key_name, code, address, sum(count)::bigint AS count, min(hour) AS first_at, max(last_at) AS last_at
FROM (
  SELECT * FROM refusals WHERE cnpj = %(cnpj)s AND cnpj <> '' AND hour >= %(since)s
  UNION SELECT * FROM refusals WHERE key_name = ANY(%(own_keys)s) AND key_name <> '' AND hour >= %(since)s
  UNION SELECT * FROM refusals
  WHERE key_name = ANY(%(shared_keys)s) AND key_name <> '' AND cnpj = '' AND hour >= %(since)s) r
GROUP BY cnpj, key_name, code, address ORDER BY max(last_at) DESC, count DESC LIMIT %(limit)s

-- unattributed_refusals --
-- Posts of the last 24 hours that name neither a CNPJ nor a key of this hub, the latest first.
SELECT '' AS cnpj, '' AS key_name, code, address, sum(count)::bigint AS count, min(hour) AS first_at, max(last_at) AS last_at
FROM refusals WHERE hour > now() - interval '24 hours' AND cnpj = '' AND key_name = '' AND code = ANY(%(codes)s)
GROUP BY code, address ORDER BY max(last_at) DESC LIMIT %(limit)s

-- rejections --
-- Rejected records of the latest loads of 7 days by code and field, in the first 20,000 of them; the most frequent first.
SELECT i.code, i.field, count(*) AS records, count(DISTINCT i.batch_id) AS batches, max(i.received_at) AS last_at
FROM (
  SELECT r.code, r.field, r.batch_id, b.received_at
  FROM (SELECT id, received_at FROM batches
    WHERE pharmacy_id = %(id)s AND rejected > 0 AND kind = 'load' AND received_at > now() - interval '7 days'
    ORDER BY received_seq DESC LIMIT 50) b
  JOIN record_issues r ON r.batch_id = b.id AND r.severity = 'rejected' LIMIT 20000) i
GROUP BY i.code, i.field ORDER BY count(*) DESC, i.code, i.field LIMIT 50

-- acts --
-- What was done to a pharmacy, its keys and its webhook, the latest first.
SELECT id, at, actor, action, subject, outcome FROM audit_log
WHERE subject = ANY(%(subjects)s) ORDER BY id DESC LIMIT %(limit)s

-- held --
-- Held deactivations, the oldest first.
SELECT b.id AS batch_id, p.cnpj, p.name, b.received_at, b.finished_at AS held_at, b.deactivation_candidates AS candidates,
  b.deactivation_active AS active, b.deactivation_reason AS reason, p.deactivation_limit::float8 AS limit
FROM batches b JOIN pharmacies p ON p.id = b.pharmacy_id
WHERE b.deactivation_state = 'held' ORDER BY b.received_at LIMIT %(limit)s

-- open_causes --
-- Begin a statement with the causes of open dead letters. The next cause is found by one step in the index, so that
-- letters of one cause are not read.
WITH RECURSIVE causes AS (
  (SELECT fingerprint FROM dead_letters WHERE settled_at IS NULL ORDER BY fingerprint LIMIT 1)
  UNION ALL
  SELECT (SELECT d.fingerprint FROM dead_letters d WHERE d.settled_at IS NULL AND d.fingerprint > c.fingerprint
    ORDER BY d.fingerprint LIMIT 1)
  FROM causes c WHERE c.fingerprint IS NOT NULL)

-- causes --
-- Causes with open dead letters that are not muted, the oldest first. Letters of a cause are read only up to the limit
-- of counts.
SELECT c.fingerprint, s.error_class, s.error_code, s.culprit, left(s.message, 300) AS message, o.open, o.pharmacies, o.first_at,
  (SELECT max(created_at) FROM dead_letters d WHERE d.settled_at IS NULL AND d.fingerprint = c.fingerprint) AS last_at
FROM (SELECT c.fingerprint FROM causes c WHERE c.fingerprint IS NOT NULL AND NOT EXISTS (
  SELECT FROM failure_groups g WHERE g.fingerprint = c.fingerprint AND g.muted_until > now()) LIMIT %(limit)s) c
CROSS JOIN LATERAL (
  SELECT count(*) AS open, count(DISTINCT l.cnpj) AS pharmacies, min(l.created_at) AS first_at
  FROM (SELECT cnpj, created_at FROM dead_letters d WHERE d.settled_at IS NULL AND d.fingerprint = c.fingerprint
    ORDER BY d.created_at LIMIT %(counted)s + 1) l) o
CROSS JOIN LATERAL (
  SELECT error_class, error_code, culprit, message FROM dead_letters d
  WHERE d.settled_at IS NULL AND d.fingerprint = c.fingerprint ORDER BY d.created_at LIMIT 1) s
ORDER BY o.first_at

-- failed --
-- Pharmacies whose newest final load, replay or window failed as a whole within a week, the newest first. Of the failed
-- batches of the hub only the newest are looked at.
SELECT b.id AS batch_id, p.cnpj, p.name, b.load_type, b.received_at, b.finished_at
FROM (SELECT * FROM batches WHERE status = 'FAILED' AND received_at > now() - interval '7 days'
  ORDER BY received_at DESC LIMIT %(counted)s) b
JOIN pharmacies p ON p.id = b.pharmacy_id
WHERE b.kind IN ('load', 'replay', 'window') AND NOT EXISTS (SELECT FROM batches n WHERE n.pharmacy_id = b.pharmacy_id
  AND n.received_seq > b.received_seq AND n.kind IN ('load', 'replay', 'window') AND n.finished_at IS NOT NULL)
ORDER BY b.received_at DESC LIMIT %(limit)s

-- silent --
-- Pharmacies that have not posted for unusually long, the longest first, with the posts refused since their last load.
SELECT p.cnpj, p.name, l.received_at AS last_at, r.usual_gap, r.longest_gap, coalesce(f.refused, 0)::bigint AS refused,
  f.code AS refusal_code
FROM pharmacy_rhythms r JOIN pharmacies p ON p.id = r.pharmacy_id
CROSS JOIN LATERAL (SELECT received_at FROM batches b WHERE b.pharmacy_id = r.pharmacy_id AND b.kind = 'load'
  ORDER BY b.received_seq DESC LIMIT 1) l
LEFT JOIN LATERAL (SELECT sum(x.count) AS refused, (array_agg(x.code ORDER BY x.last_at DESC))[1] AS code
  FROM (SELECT count, code, last_at FROM refusals x WHERE x.cnpj = p.cnpj AND x.cnpj <> ''
    AND x.hour >= date_trunc('hour', l.received_at) AND x.last_at > l.received_at ORDER BY x.hour DESC LIMIT 500) x) f ON true
WHERE r.posts >= 5 AND r.last_at < now() - greatest(interval '1 hour', 1.5 * r.longest_gap)
  AND r.last_at > now() - (1.5 * r.longest_gap + interval '14 days')
  AND l.received_at < now() - greatest(interval '1 hour', 1.5 * r.longest_gap)
ORDER BY r.last_at LIMIT %(limit)s

-- suspended --
-- Webhook endpoints that are disabled, the longest first.
SELECT e.id AS endpoint_id, e.owner, p.cnpj, p.name, e.host, e.disabled_at, e.disabled_reason AS reason,
  (SELECT count(*) FROM (SELECT FROM webhook_deliveries d WHERE d.endpoint_id = e.id AND d.state = 'held'
    LIMIT %(counted)s + 1) h) AS held
FROM webhook_endpoints e LEFT JOIN pharmacies p ON p.id = e.pharmacy_id
WHERE e.deleted_at IS NULL AND e.state = 'disabled' ORDER BY e.disabled_at LIMIT %(limit)s

-- expiring --
-- Keys that expire soon and that no other key replaces, the first to expire first.
SELECT k.id, k.hint, p.cnpj, p.name, k.expires_at, k.last_used_at
FROM api_keys k LEFT JOIN pharmacies p ON k.tenants = 'pharmacies' AND cardinality(k.cnpjs) = 1 AND p.cnpj = k.cnpjs[1]
WHERE k.revoked_at IS NULL AND k.expires_at BETWEEN now() AND now() + make_interval(days => %(days)s)
  AND NOT EXISTS (SELECT FROM api_keys n WHERE n.replaces = k.id AND n.revoked_at IS NULL)
ORDER BY k.expires_at LIMIT %(limit)s

-- running --
-- Batches that are being processed, the oldest first.
SELECT b.id AS batch_id, p.cnpj, p.name, b.kind, b.load_type, b.status, b.stage, b.received_at, b.started_at, b.finished_at,
  b.bytes, b.items_total, b.chunks_total, b.chunks_left
FROM batches b JOIN pharmacies p ON p.id = b.pharmacy_id
WHERE b.status = 'PROCESSING' ORDER BY b.received_at LIMIT %(limit)s

-- waiting --
-- Held deactivations, and causes with open dead letters that are not muted, each counted up to a limit.
SELECT (SELECT count(*) FROM (SELECT FROM batches WHERE deactivation_state = 'held' LIMIT %(counted)s + 1) h) AS decisions,
  (SELECT count(*) FROM (SELECT FROM causes c WHERE c.fingerprint IS NOT NULL AND NOT EXISTS (
    SELECT FROM failure_groups g WHERE g.fingerprint = c.fingerprint AND g.muted_until > now())
    LIMIT %(counted)s + 1) f) AS failures

-- last_problem --
-- Of the latest dead letter, failed load and decision, the one that began last, if it is resolved. One step in an index each.
SELECT kind, subject, began_at, ended_at FROM (
  (SELECT 'letter' AS kind, d.id::text AS subject, d.created_at AS began_at, d.settled_at AS ended_at
    FROM dead_letters d ORDER BY d.id DESC LIMIT 1)
  UNION ALL
  (SELECT 'load', f.id::text, f.finished_at, (SELECT n.finished_at FROM batches n WHERE n.pharmacy_id = f.pharmacy_id
      AND n.received_seq > f.received_seq AND n.kind IN ('load', 'replay', 'window') AND n.finished_at IS NOT NULL
      ORDER BY n.received_seq LIMIT 1)
    FROM (SELECT * FROM batches WHERE status = 'FAILED' ORDER BY received_at DESC LIMIT 1) f
    WHERE f.kind IN ('load', 'replay', 'window'))
  UNION ALL
  (SELECT 'decision', b.id::text, b.finished_at, a.ended_at
    FROM ((SELECT id, subject, ended_at FROM audit_log WHERE action = 'batch.approve' AND outcome = 'done'
        ORDER BY id DESC LIMIT 1)
      UNION ALL
      (SELECT id, subject, ended_at FROM audit_log WHERE action = 'batch.reject' AND outcome = 'done'
        ORDER BY id DESC LIMIT 1)
      ORDER BY id DESC LIMIT 1) a
    JOIN batches b ON b.id = a.subject::uuid)) p
WHERE ended_at IS NOT NULL AND began_at IS NOT NULL ORDER BY began_at DESC LIMIT 1

-- state --
-- Figures of the hub as last counted, and the age of its oldest work.
SELECT now() AS now, (SELECT id FROM batches ORDER BY id LIMIT 1) IS NULL AS is_new, r.unaccounted, r.at AS reconciled_at,
  (SELECT value FROM statistics WHERE name = 'integrahub_storage_used_bytes') AS storage_used,
  (SELECT value FROM statistics WHERE name = 'integrahub_storage_capacity_bytes') AS storage_capacity,
  (SELECT sum(value) FROM statistics WHERE name = 'integrahub_webhooks_pending') AS webhooks_pending,
  (SELECT value FROM statistics WHERE name = 'integrahub_products' AND labels = '{active}') AS products_active,
  (SELECT counted_at FROM statistics WHERE name = 'integrahub_products' AND labels = '{active}') AS products_counted_at,
  m.at + make_interval(secs => m.seconds) AS counted_at, m.backlog, m.workers, m.apis,
  (SELECT coalesce(sum(f.inserted + f.updated + f.unchanged + f.merged + f.rejected + f.superseded + f.deactivated), 0)
    FROM figure_minutes f WHERE f.at > m.at - interval '5 minutes')::bigint AS products_lately,
  (SELECT min(o.received_at) FROM (
    (SELECT received_at FROM batches WHERE status = 'RECEIVED' ORDER BY received_at LIMIT 1) UNION ALL
    (SELECT received_at FROM batches WHERE status = 'PROCESSING' ORDER BY received_at LIMIT 1)) o) AS oldest_at,
  (SELECT count(*) FROM (SELECT FROM batches WHERE status = 'PROCESSING' LIMIT %(counted)s + 1) b) AS processing,
  (SELECT count(*) FROM (SELECT FROM batches WHERE status = 'RECEIVED' LIMIT %(counted)s + 1) b) AS waiting
FROM (SELECT) one LEFT JOIN reconciliations r ON true
LEFT JOIN LATERAL (SELECT * FROM figure_minutes ORDER BY at DESC LIMIT 1) m ON true

-- lock --
-- Wait until no other worker claims deliveries, so that all workers together keep the limit per host.
SELECT pg_advisory_xact_lock(hashtextextended('integrahub webhooks', 0))

-- claim_due --
-- Claim deliveries that are due, at most `per_host` in flight to one host. A claimed delivery is due again when its
-- lease expires. Endpoints that accepted their last delivery come first.
WITH busy AS MATERIALIZED (
  SELECT e.host, count(*) AS running FROM webhook_deliveries d JOIN webhook_endpoints e ON e.id = d.endpoint_id
  WHERE d.claim_token IS NOT NULL AND d.lease_until > now() GROUP BY e.host),
candidates AS (
  SELECT d.id, e.host, d.next_attempt_at, e.failing_since IS NOT NULL AS is_failing,
    row_number() OVER (PARTITION BY e.host ORDER BY d.next_attempt_at, d.id) AS place
  FROM webhook_endpoints e CROSS JOIN LATERAL (
    SELECT w.id, w.next_attempt_at FROM webhook_deliveries w
    WHERE w.endpoint_id = e.id AND w.state = 'pending' AND w.next_attempt_at <= now()
    ORDER BY w.next_attempt_at LIMIT %(per_host)s) d
  WHERE e.state = 'enabled' AND e.deleted_at IS NULL
    AND EXISTS (SELECT FROM webhook_deliveries w WHERE w.state = 'pending' AND w.next_attempt_at <= now())),
due AS MATERIALIZED (
  SELECT c.id FROM candidates c LEFT JOIN busy b ON b.host = c.host
  WHERE c.place <= %(per_host)s - coalesce(b.running, 0)
  ORDER BY c.is_failing, c.next_attempt_at LIMIT %(limit)s)
UPDATE webhook_deliveries d SET claim_token = %(token)s, worker_id = %(worker)s,
  lease_until = now() + make_interval(secs => %(lease)s), next_attempt_at = now() + make_interval(secs => %(lease)s)
FROM due, webhook_endpoints e
WHERE d.id = due.id AND e.id = d.endpoint_id AND d.state = 'pending'
RETURNING d.id, d.endpoint_id, d.event, d.batch_id, d.occurred_at, d.facts, d.body, d.claim_token,
  d.attempts - d.attempts_before AS attempts, e.url, e.sealed_secret,
  CASE WHEN e.old_secret_ends_at > now() THEN e.old_sealed_secret END AS old_sealed_secret

-- keep_bodies --
-- Keep the bodies of claimed deliveries, unless they have one: every attempt sends the same bytes. Return those kept.
UPDATE webhook_deliveries d SET body = k.body
FROM unnest(%(ids)s::uuid[], %(tokens)s::uuid[], %(bodies)s::text[]) AS k (id, token, body)
WHERE d.id = k.id AND d.claim_token = k.token AND d.body IS NULL
RETURNING d.id

-- record_successes --
-- Record that receivers accepted deliveries whose claims are still held. Endpoints are locked before deliveries, and both
-- in the order of their ids, as in every statement that locks several: no two of them wait for each other.
WITH failing AS MATERIALIZED (
  SELECT id FROM webhook_endpoints
  WHERE id IN (SELECT endpoint_id FROM webhook_deliveries WHERE id = ANY(%(ids)s::uuid[])) AND failing_since IS NOT NULL
  ORDER BY id FOR UPDATE),
claimed AS MATERIALIZED (
  SELECT d.id, k.milliseconds, k.status, k.excerpt
  FROM unnest(%(ids)s::uuid[], %(tokens)s::uuid[], %(milliseconds)s::int[], %(statuses)s::int[], %(excerpts)s::text[])
    AS k (id, token, milliseconds, status, excerpt)
  JOIN webhook_deliveries d ON d.id = k.id AND d.claim_token = k.token AND d.state = 'pending'
  WHERE (SELECT count(*) FROM failing) >= 0
  ORDER BY d.id FOR UPDATE OF d),
done AS (
  UPDATE webhook_deliveries d SET state = 'delivered', ended_at = now(), attempts = d.attempts + 1,
    next_attempt_at = NULL, claim_token = NULL, worker_id = NULL, lease_until = NULL
  FROM claimed k WHERE d.id = k.id
  RETURNING d.id, d.endpoint_id, d.attempts, k.milliseconds, k.status, k.excerpt),
attempt AS (
  INSERT INTO webhook_attempts (delivery_id, number, at, milliseconds, status, excerpt)
  SELECT id, attempts, now() - make_interval(secs => milliseconds / 1000.0), milliseconds, status, excerpt FROM done),
healthy AS (
  UPDATE webhook_endpoints e SET failing_since = NULL
  FROM failing f WHERE e.id = f.id AND e.id IN (SELECT endpoint_id FROM done))
SELECT id FROM done

-- record_failure --
-- Record a failed attempt, if the claim is still held: the delivery is due again after the delay, or failed if there is
-- none. The endpoint is disabled if it is gone, or failed since so long; then its deliveries are held. An endpoint that has
-- another URL by now stays as it is.
WITH endpoint AS MATERIALIZED (
  SELECT e.id, e.state, e.url = %(url)s AS is_same, e.state = 'enabled' AND e.url = %(url)s AND (%(gone)s
      OR coalesce(e.failing_since < now() - make_interval(days => %(days)s), false)) AS ends
  FROM webhook_endpoints e
  WHERE e.id = (SELECT endpoint_id FROM webhook_deliveries WHERE id = %(id)s) FOR UPDATE),
failed AS (
  UPDATE webhook_deliveries d SET attempts = d.attempts + 1, claim_token = NULL, worker_id = NULL, lease_until = NULL,
    state = CASE WHEN n.ends OR n.state = 'disabled' THEN 'held' WHEN %(delay)s::float8 IS NULL THEN 'failed' ELSE 'pending' END,
    next_attempt_at = CASE WHEN n.ends OR n.state = 'disabled' THEN NULL
      ELSE now() + make_interval(secs => %(delay)s::float8) END,
    ended_at = CASE WHEN NOT n.ends AND n.state = 'enabled' AND %(delay)s::float8 IS NULL THEN now() END
  FROM endpoint n
  WHERE d.id = %(id)s AND d.claim_token = %(token)s AND d.state = 'pending'
  RETURNING d.id, d.endpoint_id, d.attempts, d.state),
attempt AS (
  INSERT INTO webhook_attempts (delivery_id, number, at, milliseconds, status, error, excerpt)
  SELECT id, attempts, now() - make_interval(secs => %(milliseconds)s / 1000.0), %(milliseconds)s, %(status)s, %(error)s,
    %(excerpt)s FROM failed),
failing AS (
  UPDATE webhook_endpoints e SET failing_since = coalesce(e.failing_since, now()),
    state = CASE WHEN n.ends THEN 'disabled' ELSE e.state END,
    disabled_at = CASE WHEN n.ends THEN now() ELSE e.disabled_at END,
    disabled_reason = CASE WHEN n.ends THEN %(reason)s ELSE e.disabled_reason END
  FROM failed, endpoint n WHERE e.id = failed.endpoint_id AND n.id = e.id AND n.is_same)
SELECT f.state, n.ends AS has_disabled, f.endpoint_id FROM failed f JOIN endpoint n ON n.id = f.endpoint_id

-- hold --
-- Hold the deliveries of disabled endpoints that no worker is sending.
UPDATE webhook_deliveries d SET state = 'held', next_attempt_at = NULL, claim_token = NULL, worker_id = NULL,
  lease_until = NULL
FROM webhook_endpoints e
WHERE e.id = d.endpoint_id AND e.state = 'disabled' AND d.state = 'pending'
  AND coalesce(d.lease_until, '-infinity') <= now()

-- end_deleted --
-- Let deliveries fail whose endpoint was deleted: the statement that inserted them began before.
UPDATE webhook_deliveries d SET state = 'failed', next_attempt_at = NULL, ended_at = now(), claim_token = NULL,
  worker_id = NULL, lease_until = NULL
FROM webhook_endpoints e
WHERE e.id = d.endpoint_id AND e.deleted_at IS NOT NULL AND d.state IN ('pending', 'held')

-- release --
-- Send what was held after its endpoint was enabled: the statement that held it began before.
UPDATE webhook_deliveries d SET state = 'pending', next_attempt_at = now()
FROM webhook_endpoints e
WHERE d.state = 'held' AND e.id = d.endpoint_id AND e.state = 'enabled' AND e.deleted_at IS NULL
  AND d.created_at >= e.enabled_at - interval '1 minute'

-- disable_ended --
-- Disable the endpoints of keys of which none is active any more.
UPDATE webhook_endpoints e SET state = 'disabled', disabled_at = now(), disabled_reason = 'key_ended'
WHERE e.owner = 'key' AND e.state = 'enabled' AND e.deleted_at IS NULL
  AND NOT EXISTS (SELECT FROM live_keys k WHERE k.family = e.key_id)
RETURNING e.id

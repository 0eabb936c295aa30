-- find --
-- Read the endpoint of an owner, without its secrets.
SELECT e.id, e.owner, p.cnpj, e.url, e.events, e.description, e.state, e.failing_since, e.disabled_at, e.disabled_reason,
  CASE WHEN e.old_secret_ends_at > now() THEN e.old_secret_ends_at END AS old_secret_ends_at, e.created_at, e.updated_at
FROM webhook_endpoints e LEFT JOIN pharmacies p ON p.id = e.pharmacy_id
WHERE e.owner = %(owner)s AND e.pharmacy_id IS NOT DISTINCT FROM %(pharmacy_id)s
  AND e.key_id IS NOT DISTINCT FROM %(key_id)s AND e.deleted_at IS NULL

-- list_ids --
-- List the endpoints of a pharmacy or of a family of keys, also deleted ones: their deliveries are still kept.
SELECT id FROM webhook_endpoints
WHERE (owner = 'pharmacy' AND pharmacy_id = %(pharmacy_id)s) OR (owner = 'key' AND key_id = %(key_id)s)

-- update --
-- Change the endpoint of an owner. Failures of another URL do not count for a new one.
UPDATE webhook_endpoints SET url = %(url)s, host = %(host)s, events = %(events)s, description = %(description)s,
  cnpjs = %(cnpjs)s, failing_since = CASE WHEN url = %(url)s THEN failing_since END, updated_at = now()
WHERE owner = %(owner)s AND pharmacy_id IS NOT DISTINCT FROM %(pharmacy_id)s
  AND key_id IS NOT DISTINCT FROM %(key_id)s AND deleted_at IS NULL
RETURNING id

-- insert_unless_taken --
-- Insert the endpoint of an owner, unless another request has just inserted it.
INSERT INTO webhook_endpoints (owner, pharmacy_id, key_id, cnpjs, url, host, events, description, sealed_secret)
VALUES (%(owner)s, %(pharmacy_id)s, %(key_id)s, %(cnpjs)s, %(url)s, %(host)s, %(events)s, %(description)s,
  %(sealed_secret)s)
ON CONFLICT DO NOTHING RETURNING id

-- delete --
-- Delete an endpoint and wipe its secrets. What was not sent fails. Its deliveries are kept as long as others.
WITH deleted AS (
  UPDATE webhook_endpoints SET deleted_at = now(), sealed_secret = NULL, old_sealed_secret = NULL,
    old_secret_ends_at = NULL
  WHERE id = %(id)s AND deleted_at IS NULL RETURNING id),
ended AS (
  UPDATE webhook_deliveries d SET state = 'failed', next_attempt_at = NULL, ended_at = now(), claim_token = NULL,
    worker_id = NULL, lease_until = NULL
  FROM (SELECT w.id FROM deleted e JOIN webhook_deliveries w ON w.endpoint_id = e.id AND w.state IN ('pending', 'held')
    ORDER BY w.id FOR UPDATE OF w) o
  WHERE d.id = o.id)
SELECT id FROM deleted

-- rotate --
-- Set a new secret. The one before it stays valid for some hours; an older one does not.
UPDATE webhook_endpoints SET sealed_secret = %(sealed_secret)s, updated_at = now(),
  old_sealed_secret = CASE WHEN %(hours)s > 0 THEN sealed_secret END,
  old_secret_ends_at = CASE WHEN %(hours)s > 0 THEN now() + make_interval(hours => %(hours)s) END
WHERE id = %(id)s AND deleted_at IS NULL RETURNING id

-- enable --
-- Enable an endpoint. Return the time since which events are missing: of the first failure or of the disabling, or
-- earlier. The event of the first failure occurred before it, and so did those that waited when the endpoint was disabled.
UPDATE webhook_endpoints SET state = 'enabled', disabled_at = NULL, disabled_reason = NULL, failing_since = NULL,
  enabled_at = now()
WHERE id = %(id)s AND deleted_at IS NULL
RETURNING CASE WHEN coalesce(old.failing_since, old.disabled_at) IS NOT NULL THEN least(old.failing_since, old.disabled_at,
  (SELECT min(d.created_at) FROM webhook_deliveries d WHERE d.endpoint_id = %(id)s
    AND (d.state = 'held' OR d.state = 'failed' AND d.ended_at >= old.failing_since))) END AS since

-- find_owner --
-- Read the owner of an endpoint that is not deleted.
SELECT owner, pharmacy_id, key_id, cnpjs FROM webhook_endpoints WHERE id = %(id)s AND deleted_at IS NULL

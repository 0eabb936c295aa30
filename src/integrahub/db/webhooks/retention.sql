-- delete_old --
-- Delete deliveries that are old, with their attempts. One that a worker is sending stays.
WITH old AS (
  SELECT id FROM webhook_deliveries
  WHERE created_at < now() - make_interval(days => %(days)s) AND coalesce(lease_until, '-infinity') <= now()
  ORDER BY created_at LIMIT %(limit)s),
attempts AS (DELETE FROM webhook_attempts a USING old WHERE a.delivery_id = old.id)
DELETE FROM webhook_deliveries d USING old WHERE d.id = old.id RETURNING d.id

-- delete_endpoints --
-- Delete endpoints that were deleted by their owners and have no delivery left.
DELETE FROM webhook_endpoints e
WHERE e.deleted_at < now() - make_interval(days => %(days)s)
  AND NOT EXISTS (SELECT FROM webhook_deliveries d WHERE d.endpoint_id = e.id)

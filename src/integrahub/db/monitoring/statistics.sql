-- lock --
-- Wait until no other process counts or saves statistics.
SELECT pg_advisory_xact_lock(hashtextextended('integrahub statistics', 0))

-- save --
-- Store the value of a metric.
INSERT INTO statistics (name, labels, value, counted_at) VALUES (%(name)s, %(labels)s, %(value)s, now())
ON CONFLICT (name, labels) DO UPDATE SET value = excluded.value, counted_at = excluded.counted_at

-- load --
-- Values that were stored last.
SELECT name, labels, value, extract(epoch FROM now() - counted_at)::float8 AS age FROM statistics

-- count_pharmacies --
-- Pharmacies by the time of their last post, and those that are silent for unusually long.
SELECT count(*) FILTER (WHERE l.received_at > now() - interval '24 hours') AS day,
  count(*) FILTER (WHERE l.received_at > now() - interval '7 days') AS week,
  count(*) FILTER (WHERE l.received_at > now() - interval '30 days') AS month,
  (SELECT count(*) FROM silent_pharmacies) AS silent
FROM pharmacies p CROSS JOIN LATERAL (
  SELECT received_at FROM batches b WHERE b.pharmacy_id = p.id AND b.kind = 'load'
  ORDER BY b.received_seq DESC LIMIT 1) l

-- count_pending --
-- What waits for workers or for an operator.
SELECT (SELECT count(*) FROM batch_chunks WHERE finished_at IS NULL) AS chunks,
  (SELECT count(*) FROM batches WHERE deactivation_state = 'held') AS held,
  (SELECT count(*) FROM dead_letters WHERE settled_at IS NULL) AS letters

-- count_webhooks --
-- Webhooks that wait for a worker, for a later attempt, or for their endpoint; how long the oldest one has waited for a
-- worker; and endpoints.
SELECT d.due, d.scheduled, d.oldest, e.enabled, e.failing, e.disabled,
  (SELECT count(*) FROM webhook_deliveries WHERE state = 'held') AS held
FROM (SELECT count(*) FILTER (WHERE next_attempt_at <= now()) AS due,
    count(*) FILTER (WHERE next_attempt_at > now()) AS scheduled,
    coalesce(extract(epoch FROM greatest(now() - min(next_attempt_at), interval '0')), 0)::float8 AS oldest
  FROM webhook_deliveries w WHERE state = 'pending') d,
  (SELECT count(*) FILTER (WHERE state = 'enabled' AND failing_since IS NULL) AS enabled,
    count(*) FILTER (WHERE state = 'enabled' AND failing_since IS NOT NULL) AS failing,
    count(*) FILTER (WHERE state = 'disabled') AS disabled
  FROM webhook_endpoints WHERE deleted_at IS NULL) e

-- count_unpartitioned --
-- Changes of products for whose day no partition was made.
SELECT (SELECT count(*) FROM product_changes_main_default) + (SELECT count(*) FROM product_changes_stock_default)

-- count_connections --
-- Client connections that are open, and how many may be.
SELECT (SELECT count(*) FROM pg_stat_activity WHERE datid IS NOT NULL AND usesysid IS NOT NULL) AS open,
  current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int AS limit

-- stored_bytes --
-- Size of all bodies that are stored as objects. Versions before 0.3 recorded only the decoded size. A replay names the
-- object of the batch that it replays.
SELECT coalesce(sum(coalesce(stored_bytes, bytes)), 0)::float8 AS bytes FROM batches
WHERE location IS NOT NULL AND body_removed_at IS NULL AND kind <> 'replay'

-- latest_hour --
-- The totals of the latest closed hour.
SELECT hour, totals FROM history ORDER BY hour DESC LIMIT 1

-- totals_before --
-- The totals some hours ago.
SELECT hour, totals FROM history WHERE hour < now() - make_interval(hours => %(hours)s) ORDER BY hour DESC LIMIT 1

-- close_hour --
-- Store the totals of an hour to which no batch can be added.
INSERT INTO history (hour, totals) VALUES (%(hour)s, %(totals)s) ON CONFLICT (hour) DO NOTHING

-- finished_by_hour --
-- Batches that became final after the last closed hour, by hour, status and bucket of duration. An hour is closed when
-- no transaction that began in it can still finish a batch.
SELECT e.*, e.hour < date_trunc('hour', least(now() - interval '10 minutes',
    (SELECT min(xact_start) FROM pg_stat_activity WHERE datname = current_database()))) AS closed
FROM (
  SELECT date_trunc('hour', finished_at) AS hour, status, count(*) AS batches,
    width_bucket(extract(epoch FROM finished_at - received_at)::float8, %(bounds)s::float8[]) AS bucket,
    sum(extract(epoch FROM finished_at - received_at))::float8 AS seconds, sum(inserted)::bigint AS inserted,
    sum(updated)::bigint AS updated, sum(unchanged)::bigint AS unchanged, sum(merged)::bigint AS merged,
    sum(rejected)::bigint AS rejected, sum(superseded)::bigint AS superseded, sum(deactivated)::bigint AS deactivated
  FROM batches
  WHERE finished_at >= coalesce(%(after)s::timestamptz + interval '1 hour', '-infinity') AND kind IN ('load', 'replay', 'chunk_replay')
  GROUP BY date_trunc('hour', finished_at), status, bucket) e
ORDER BY e.hour

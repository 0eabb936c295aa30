-- lock --
-- Wait until no other process counts figures.
SELECT pg_advisory_xact_lock(hashtextextended('integrahub figures', 0))

-- first_minute --
-- The first minute to count. Transactions commit some time after the moment that they record, so the last minutes are
-- counted again: two at each run, five at the first run of a minute. After a pause all that were missed are counted.
SELECT CASE WHEN max(at) >= date_trunc('minute', now()) THEN date_trunc('minute', now()) - interval '1 minute'
  ELSE greatest(date_trunc('hour', now(), 'UTC') - interval '26 hours', max(at) - interval '4 minutes') END
FROM figure_minutes

-- save_minutes --
-- Count the minutes from the first one to now, and store them. What waits and what lives is stored for the current one.
INSERT INTO figure_minutes AS f (at, seconds, posts, inserted, updated, unchanged, merged, rejected, superseded, deactivated,
  completed, partial_fail, failed, cancelled, backlog, workers, apis)
SELECT m.at, extract(epoch FROM least(m.at + interval '1 minute', now()) - m.at)::float8, coalesce(p.posts, 0),
  coalesce(c.inserted, 0), coalesce(c.updated, 0), coalesce(c.unchanged, 0), coalesce(c.merged, 0), coalesce(c.rejected, 0),
  coalesce(c.superseded, 0), coalesce(b.deactivated, 0), coalesce(b.completed, 0), coalesce(b.partial_fail, 0),
  coalesce(b.failed, 0), coalesce(b.cancelled, 0), CASE WHEN m.at = date_trunc('minute', now()) THEN %(backlog)s::bigint END,
  CASE WHEN m.at = date_trunc('minute', now()) THEN %(workers)s::int END,
  CASE WHEN m.at = date_trunc('minute', now()) THEN %(apis)s::int END
FROM generate_series(%(since)s::timestamptz, now(), interval '1 minute') AS m (at)
LEFT JOIN (
  SELECT date_trunc('minute', received_at) AS at, count(*) AS posts FROM batches
  WHERE status = ANY('{RECEIVED,PROCESSING,COMPLETED,PARTIAL_FAIL,FAILED,CANCELLED}') AND received_at >= %(since)s
    AND kind IN ('load', 'dry_run') GROUP BY 1) p ON p.at = m.at
LEFT JOIN (
  SELECT date_trunc('minute', finished_at) AS at, sum(deactivated)::bigint AS deactivated,
    count(*) FILTER (WHERE status = 'COMPLETED') AS completed, count(*) FILTER (WHERE status = 'PARTIAL_FAIL') AS partial_fail,
    count(*) FILTER (WHERE status = 'FAILED') AS failed, count(*) FILTER (WHERE status = 'CANCELLED') AS cancelled
  FROM batches WHERE finished_at >= %(since)s AND kind <> 'dry_run' GROUP BY 1) b ON b.at = m.at
LEFT JOIN (
  SELECT date_trunc('minute', c.finished_at) AS at, sum(c.inserted)::bigint AS inserted, sum(c.updated)::bigint AS updated,
    sum(c.unchanged)::bigint AS unchanged, sum(c.merged)::bigint AS merged, sum(c.rejected)::bigint AS rejected,
    sum(c.superseded)::bigint AS superseded
  FROM (SELECT id FROM batches WHERE finished_at IS NULL AND kind <> 'dry_run'
    UNION ALL SELECT id FROM batches WHERE finished_at >= %(since)s AND kind <> 'dry_run') b
  JOIN batch_chunks c ON c.batch_id = b.id
  WHERE c.finished_at >= %(since)s GROUP BY 1) c ON c.at = m.at
ON CONFLICT (at) DO UPDATE SET seconds = excluded.seconds, posts = excluded.posts, inserted = excluded.inserted,
  updated = excluded.updated, unchanged = excluded.unchanged, merged = excluded.merged, rejected = excluded.rejected,
  superseded = excluded.superseded, deactivated = excluded.deactivated, completed = excluded.completed,
  partial_fail = excluded.partial_fail, failed = excluded.failed, cancelled = excluded.cancelled,
  backlog = coalesce(excluded.backlog, f.backlog), workers = coalesce(excluded.workers, f.workers),
  apis = coalesce(excluded.apis, f.apis)

-- save_hours --
-- Add up the minutes of each hour that has one of the counted minutes, and store the sums.
INSERT INTO figure_hours (at, seconds, posts, inserted, updated, unchanged, merged, rejected, superseded, deactivated,
  completed, partial_fail, failed, cancelled, backlog, workers, apis)
SELECT date_trunc('hour', at, 'UTC'), sum(seconds), sum(posts), sum(inserted), sum(updated), sum(unchanged), sum(merged),
  sum(rejected), sum(superseded), sum(deactivated), sum(completed), sum(partial_fail), sum(failed), sum(cancelled),
  max(backlog), max(workers), max(apis)
FROM figure_minutes WHERE at >= date_trunc('hour', %(since)s::timestamptz, 'UTC') GROUP BY 1
ON CONFLICT (at) DO UPDATE SET seconds = excluded.seconds, posts = excluded.posts, inserted = excluded.inserted,
  updated = excluded.updated, unchanged = excluded.unchanged, merged = excluded.merged, rejected = excluded.rejected,
  superseded = excluded.superseded, deactivated = excluded.deactivated, completed = excluded.completed,
  partial_fail = excluded.partial_fail, failed = excluded.failed, cancelled = excluded.cancelled,
  backlog = excluded.backlog, workers = excluded.workers, apis = excluded.apis

-- save_sizes --
-- Count the products of each catalogue, store those of today in the zone of its pharmacy, and return the sums.
WITH sizes AS (
  SELECT pharmacy_id, count(*) FILTER (WHERE is_active) AS active, count(*) FILTER (WHERE NOT is_active) AS inactive
  FROM products GROUP BY pharmacy_id),
saved AS (
  INSERT INTO pharmacy_days AS d (pharmacy_id, day, active)
  SELECT s.pharmacy_id, (now() AT TIME ZONE p.time_zone)::date, s.active FROM sizes s JOIN pharmacies p ON p.id = s.pharmacy_id
  ON CONFLICT (pharmacy_id, day) DO UPDATE SET active = excluded.active WHERE d.active IS DISTINCT FROM excluded.active)
SELECT coalesce(sum(active), 0)::bigint AS active, coalesce(sum(inactive), 0)::bigint AS inactive FROM sizes

-- save_loads --
-- Count the loads of each pharmacy on the last days that are whole in its zone, and store what is more than before: after
-- retention there may be fewer.
INSERT INTO pharmacy_days AS d (pharmacy_id, day, batches, failed, records, rejected)
SELECT b.pharmacy_id, (b.finished_at AT TIME ZONE p.time_zone)::date, count(*), count(*) FILTER (WHERE b.status = 'FAILED'),
  coalesce(sum(b.items_total), 0), sum(b.rejected)
FROM batches b JOIN pharmacies p ON p.id = b.pharmacy_id
WHERE b.finished_at > now() - make_interval(days => %(days)s + 1) AND b.kind IN ('load', 'replay', 'chunk_replay')
  AND (b.finished_at AT TIME ZONE p.time_zone)::date > (now() AT TIME ZONE p.time_zone)::date - %(days)s
GROUP BY 1, 2
ON CONFLICT (pharmacy_id, day) DO UPDATE SET batches = excluded.batches, failed = excluded.failed, records = excluded.records,
  rejected = excluded.rejected
WHERE (d.batches, d.failed, d.records, d.rejected) <> (excluded.batches, excluded.failed, excluded.records, excluded.rejected)
  AND excluded.batches >= d.batches

-- save_rhythms --
-- Measure how often each pharmacy posts, over its last 50 loads.
INSERT INTO pharmacy_rhythms AS s (pharmacy_id, posts, last_at, usual_gap, longest_gap)
SELECT p.id, r.posts, r.last_at, r.usual, r.longest
FROM pharmacies p CROSS JOIN LATERAL (
  SELECT count(*)::int AS posts, max(received_at) AS last_at, max(gap) AS longest,
    percentile_cont(0.5) WITHIN GROUP (ORDER BY gap) AS usual
  FROM (SELECT received_at, received_at - lag(received_at) OVER (ORDER BY received_seq) AS gap
    FROM (SELECT b.received_seq, b.received_at FROM batches b WHERE b.pharmacy_id = p.id AND b.kind = 'load'
      ORDER BY b.received_seq DESC LIMIT 50) latest) gaps) r
WHERE r.posts > 0
ON CONFLICT (pharmacy_id) DO UPDATE SET posts = excluded.posts, last_at = excluded.last_at, usual_gap = excluded.usual_gap,
  longest_gap = excluded.longest_gap
WHERE (s.posts, s.last_at) IS DISTINCT FROM (excluded.posts, excluded.last_at)

-- save_causes --
-- Count the open dead letters of each cause, up to a thousand causes, and store the highest count of the hour.
INSERT INTO failure_hours AS h (fingerprint, hour, open)
SELECT fingerprint, date_trunc('hour', now(), 'UTC'), count(*) FROM dead_letters WHERE settled_at IS NULL
GROUP BY fingerprint ORDER BY count(*) DESC LIMIT 1000
ON CONFLICT (fingerprint, hour) DO UPDATE SET open = excluded.open WHERE excluded.open > h.open

-- delete_minutes --
-- Delete minutes of hours that ended 26 hours ago.
DELETE FROM figure_minutes WHERE at < date_trunc('hour', now(), 'UTC') - interval '26 hours'

-- delete_hours --
-- Delete hours that are older than 13 months.
DELETE FROM figure_hours WHERE at < now() - interval '13 months'

-- delete_days --
-- Delete days of pharmacies that are older than 13 months.
DELETE FROM pharmacy_days WHERE day < (now() - interval '13 months')::date

-- delete_causes --
-- Delete hours of causes that are older than 13 months.
DELETE FROM failure_hours WHERE hour < now() - interval '13 months'

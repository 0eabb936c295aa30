-- find_paces --
-- What the estimates of unfinished batches need, after their split. An earlier batch that is not split yet has as many
-- records per byte as this one. Work is that of the batch which has the turn, the latest first.
SELECT b.id AS batch_id, clock_timestamp() AS now, o.records AS left, coalesce(a.records, 0)::float8 AS ahead,
  a.batches AS batches_ahead, coalesce(w.work, '[]') AS work, f.seconds AS finishing
FROM batches b
CROSS JOIN LATERAL (
  SELECT coalesce(sum(c.records), 0)::bigint AS records FROM batch_chunks c
  WHERE c.batch_id = b.id AND c.finished_at IS NULL) o
CROSS JOIN LATERAL (
  SELECT count(*) AS batches, sum(CASE WHEN e.items_total IS NULL THEN e.bytes::float8 * b.items_total / greatest(1, b.bytes)
    ELSE (SELECT coalesce(sum(c.records), 0) FROM batch_chunks c WHERE c.batch_id = e.id AND c.finished_at IS NULL) END) AS records
  FROM batches e WHERE e.pharmacy_id = b.pharmacy_id AND e.finished_at IS NULL AND e.received_seq < b.received_seq) a
CROSS JOIN LATERAL (
  SELECT t.id FROM batches t WHERE t.pharmacy_id = b.pharmacy_id AND t.finished_at IS NULL
  ORDER BY t.received_seq LIMIT 1) t
CROSS JOIN LATERAL (
  SELECT jsonb_agg(jsonb_build_array(g.started, g.finished, g.records)) AS work
  FROM (SELECT extract(epoch FROM c.started_at)::float8 AS started, extract(epoch FROM max(c.finished_at))::float8 AS finished,
          sum(c.records) AS records
        FROM batch_chunks c
        WHERE c.batch_id = t.id AND c.worker_id IS NOT NULL AND c.status IN ('PROCESSING', 'COMPLETED')
        GROUP BY c.started_at, c.finished_at IS NULL
        ORDER BY max(c.finished_at) DESC NULLS FIRST LIMIT 64) g) w
LEFT JOIN LATERAL (
  SELECT greatest(0, extract(epoch FROM p.finished_at -
    (SELECT max(c.finished_at) FROM batch_chunks c WHERE c.batch_id = p.id)))::float8 AS seconds
  FROM batches p
  WHERE p.pharmacy_id = b.pharmacy_id AND p.received_seq BETWEEN b.received_seq - 50 AND b.received_seq - 1
    AND p.load_type = b.load_type AND p.kind = b.kind AND p.status IN ('COMPLETED', 'PARTIAL_FAIL') AND p.chunks_total > 0
  ORDER BY p.received_seq DESC LIMIT 1) f ON true
WHERE b.id = ANY(%(ids)s) AND b.finished_at IS NULL AND b.items_total IS NOT NULL

-- fleet_rate --
-- Records per second of the batches of several chunks that became final within the last hour: the median of five.
SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY r.records / r.seconds)::float8 AS rate
FROM (SELECT id FROM batches WHERE finished_at > now() - interval '1 hour' AND chunks_total >= 4
      ORDER BY finished_at DESC LIMIT 5) b
CROSS JOIN LATERAL (
  SELECT sum(c.records)::float8 AS records, extract(epoch FROM max(c.finished_at) - min(c.started_at))::float8 AS seconds
  FROM batch_chunks c WHERE c.batch_id = b.id AND c.worker_id IS NOT NULL AND c.status = 'COMPLETED') r
WHERE r.seconds > 0

-- without_estimate --
-- Batches of which a tenth is done and whose estimate is not recorded. A dry run also reads its changes out and undoes
-- them, so its duration says nothing about loads.
SELECT b.id FROM batches b
WHERE b.finished_at IS NULL AND b.stage = 'upserting' AND b.chunks_left <= 0.9 * b.chunks_total AND b.kind <> 'dry_run'
  AND NOT EXISTS (SELECT FROM batch_estimates e WHERE e.batch_id = b.id)
LIMIT 100

-- record --
-- Record an estimate, to be compared with the end of its batch.
INSERT INTO batch_estimates (batch_id, made_at, estimated_at) VALUES (%(batch_id)s, %(made_at)s, %(estimated_at)s)
ON CONFLICT (batch_id) DO NOTHING

-- compare --
-- Compare estimates with the end of their batches. The error is a share of the time that was left.
UPDATE batch_estimates e SET error_ratio = abs(extract(epoch FROM e.estimated_at - b.finished_at))
  / greatest(1, extract(epoch FROM b.finished_at - e.made_at))
FROM batches b
WHERE b.id = e.batch_id AND e.error_ratio IS NULL AND b.finished_at IS NOT NULL AND b.status <> 'CANCELLED'

-- delete_old --
-- Delete estimates that no figure counts any more.
DELETE FROM batch_estimates WHERE made_at < now() - interval '7 days'

-- errors --
-- Median and ninth decile of the errors of the last day; null without an estimate.
SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY error_ratio) AS median,
  percentile_cont(0.9) WITHIN GROUP (ORDER BY error_ratio) AS ninth_decile
FROM batch_estimates WHERE error_ratio IS NOT NULL AND made_at > now() - interval '1 day'

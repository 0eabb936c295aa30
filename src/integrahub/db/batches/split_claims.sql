-- Clocks may be set back. A time further in the future than this hub ever sets one therefore counts as past:
-- more than 2 minutes for `next_attempt_at`, more than 1 minute for `lease_until`.

-- find --
-- A batch with its pharmacy's settings.
SELECT b.id, b.pharmacy_id, p.cnpj, b.kind, b.parent_id, b.load_type, b.stage, b.status, b.received_seq, b.origin_seq,
  b.full_from_seq, b.received_at, b.finished_at, b.body IS NOT NULL AS has_body, b.location, b.media_type, b.items_total,
  b.item_count_claimed, b.unreadable_ids, b.deactivation_state, p.deactivation_limit, p.full_window_minutes
FROM batches b JOIN pharmacies p ON p.id = b.pharmacy_id WHERE b.id = %(id)s

-- claim_split_if_free --
-- Claim the split of a batch, unless another worker's lease runs. An expired lease is a crash: then only a worker that
-- splits nothing else gets the claim.
UPDATE batches b SET stage = 'splitting', status = 'PROCESSING', claim_token = %(token)s, worker_id = %(worker)s,
  crashes = b.crashes + (b.stage = 'splitting')::int, lease_until = now() + make_interval(secs => %(lease)s), started_at = coalesce(started_at, now()),
  read_zone = p.time_zone
FROM pharmacies p
WHERE b.id = %(id)s AND p.id = b.pharmacy_id AND b.kind IN ('load', 'dry_run', 'replay') AND b.finished_at IS NULL
  AND (b.stage = 'received' OR (b.stage = 'splitting' AND coalesce(b.lease_until, '-infinity') NOT BETWEEN now() AND now() + interval '1 minute'))
  AND coalesce(b.next_attempt_at, '-infinity') NOT BETWEEN now() AND now() + interval '2 minutes'
  AND (%(alone)s OR b.stage = 'received' AND b.crashes = 0)
RETURNING b.id, b.pharmacy_id, p.cnpj, p.time_zone, b.kind, b.load_type, b.media_type, b.encoding, b.body,
  b.location, b.attempts, b.crashes, b.claim_token, p.has_products, NOT EXISTS (
    SELECT FROM batches e WHERE e.pharmacy_id = b.pharmacy_id AND e.received_seq < b.received_seq
      AND e.finished_at IS NULL) AS has_turn

-- suspected_split --
-- The batch, if a worker crashed while it split it and the split is still due.
SELECT id FROM batches
WHERE id = %(id)s AND kind IN ('load', 'dry_run', 'replay') AND finished_at IS NULL
  AND (stage = 'received' AND crashes > 0
    OR stage = 'splitting' AND coalesce(lease_until, '-infinity') NOT BETWEEN now() AND now() + interval '1 minute')

-- renew_splits_if_held --
-- Renew the leases of splits claimed together.
UPDATE batches SET lease_until = now() + make_interval(secs => %(lease)s)
WHERE id = ANY(%(ids)s::uuid[]) AND claim_token = %(token)s AND stage = 'splitting' RETURNING id

-- find_unfinished --
-- A batch whose split has not ended well: another worker has it, or it is failed or cancelled.
SELECT id FROM batches
WHERE id = ANY(%(ids)s::uuid[]) AND (stage IN ('received', 'splitting') OR status IN ('FAILED', 'CANCELLED')) LIMIT 1

-- lock_if_claimed --
-- Lock the batch if this worker still holds the claim.
SELECT id FROM batches WHERE id = %(id)s AND claim_token = %(token)s AND stage = 'splitting' FOR UPDATE

-- end_split --
-- Store the result of the split. The batch gets the turn if no earlier batch is unfinished, else it waits.
UPDATE batches b SET chunks_total = %(chunks)s, chunks_left = %(left)s, items_total = %(items)s,
  unreadable_ids = %(unreadable)s, split_at = now(), claim_token = NULL, lease_until = NULL, dispatched_at = now(),
  dispatches = 0,
  stage = CASE WHEN EXISTS (
      SELECT FROM batches e WHERE e.pharmacy_id = b.pharmacy_id AND e.received_seq < b.received_seq
        AND e.finished_at IS NULL) THEN 'waiting'
    WHEN %(left)s = 0 THEN 'finishing' ELSE 'upserting' END
WHERE b.id = %(id)s RETURNING b.stage

-- fail --
-- Fail the batch because of its body: no record of it is applied.
UPDATE batches b SET status = 'FAILED', stage = 'done', finished_at = now(), split_at = now(), chunks_total = 0,
  chunks_left = 0, claim_token = NULL, lease_until = NULL, error_code = %(code)s, error_facts = %(facts)s,
  error_offset = %(offset)s
WHERE b.id = %(id)s AND b.finished_at IS NULL

-- retry_split --
-- Return the split to the queue, due later.
UPDATE batches SET stage = 'received', claim_token = NULL, lease_until = NULL, attempts = attempts + %(used)s,
  next_attempt_at = now() + make_interval(secs => %(delay)s), dispatched_at = NULL
WHERE id = %(id)s AND claim_token = %(token)s AND stage = 'splitting' RETURNING id

-- uncount_crash_if_lost --
-- Take back the crashes that were counted when the leases of a live worker expired.
UPDATE batches SET crashes = crashes - 1
WHERE id = ANY(%(ids)s::uuid[]) AND claim_token IS DISTINCT FROM %(token)s AND finished_at IS NULL AND crashes > 0

-- final --
-- What the log says of a final batch. The deactivation of an operation is that of its parent batch.
SELECT b.id, p.cnpj, b.kind, b.parent_id, b.status, b.error_code, b.bytes, b.inserted, b.updated, b.unchanged, b.merged,
  b.rejected, b.superseded, b.cancelled, b.dead, coalesce(o.load_type, b.load_type) AS load_type, b.items_total AS items,
  coalesce(o.deactivated, b.deactivated) AS deactivated,
  coalesce(o.deactivation_state, b.deactivation_state) AS deactivation,
  coalesce(o.deactivation_candidates, b.deactivation_candidates) AS candidates,
  coalesce(o.deactivation_active, b.deactivation_active) AS active,
  coalesce(o.deactivation_reason, b.deactivation_reason) AS reason,
  extract(epoch FROM clock_timestamp() - b.received_at)::float8 AS seconds,
  EXISTS (SELECT FROM webhook_deliveries d WHERE d.batch_id = b.id) AS has_deliveries
FROM batches b JOIN pharmacies p ON p.id = b.pharmacy_id
  LEFT JOIN batches o ON o.id = b.parent_id AND b.kind IN ('approval', 'window')
WHERE b.id = %(id)s

-- set_has_products --
-- Mark pharmacies as having products, so that later loads are compared with the table, and record that these batches
-- filled the catalogues.
WITH filled AS (
UPDATE pharmacies p SET has_products = true
FROM unnest(%(pharmacies)s::bigint[], %(batches)s::uuid[], %(seqs)s::bigint[]) AS k (pharmacy_id, batch_id, seq)
WHERE p.id = k.pharmacy_id AND NOT p.has_products
RETURNING k.pharmacy_id, k.batch_id, k.seq),
recorded AS (
INSERT INTO product_changes (pharmacy_id, seq, product_id, batch_id, kind)
SELECT pharmacy_id, seq, 0, batch_id, 'reset' FROM filled)
SELECT count(*) FROM filled

-- due_splits --
-- Batches whose split must be published: never published, published long ago, or claimed by a worker whose lease
-- expired.
WITH due AS MATERIALIZED (
  SELECT id FROM batches
  WHERE kind IN ('load', 'dry_run', 'replay') AND finished_at IS NULL
    AND coalesce(next_attempt_at, '-infinity') NOT BETWEEN now() AND now() + interval '2 minutes'
    AND (stage = 'received' OR (stage = 'splitting' AND lease_until NOT BETWEEN now() AND now() + interval '1 minute'))
    AND (dispatched_at IS NULL OR dispatched_at
        NOT BETWEEN now() - make_interval(secs => least(600, %(again)s * 2 ^ least(dispatches, 8))) AND now()
      OR (stage = 'splitting' AND dispatched_at < lease_until))
  ORDER BY received_at LIMIT 500 FOR UPDATE SKIP LOCKED)
UPDATE batches b SET dispatched_at = now(), dispatches = b.dispatches + 1
FROM due, pharmacies p WHERE b.id = due.id AND p.id = b.pharmacy_id
RETURNING b.id, b.load_type, b.received_at, p.cnpj

-- due_finishes --
-- Batches whose chunks are all settled and whose event was published long ago.
WITH due AS MATERIALIZED (
  SELECT id FROM batches
  WHERE finished_at IS NULL AND stage = 'finishing'
    AND dispatched_at NOT BETWEEN now() - make_interval(secs => least(600, %(again)s * 2 ^ least(dispatches, 8))) AND now()
  ORDER BY received_at LIMIT 500 FOR UPDATE SKIP LOCKED)
UPDATE batches b SET dispatched_at = now(), dispatches = b.dispatches + 1
FROM due WHERE b.id = due.id
RETURNING b.id

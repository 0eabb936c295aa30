-- claim_if_free --
-- Claim small DELTAs for the fast path: those that are next in their pharmacy, and those that follow other claimed
-- ones. A load follows no dry run, and a dry run no load, because they are applied apart. A batch whose split failed or
-- crashed a worker takes the normal path.
WITH small AS MATERIALIZED (
  SELECT id, kind, pharmacy_id, received_seq FROM batches
  WHERE id = ANY(%(ids)s::uuid[]) AND kind IN ('load', 'dry_run') AND load_type = 'delta' AND stage = 'received'
    AND finished_at IS NULL AND body IS NOT NULL AND bytes <= %(most)s AND next_attempt_at IS NULL AND crashes = 0
  ORDER BY pharmacy_id, received_seq FOR UPDATE SKIP LOCKED),
next AS (
  SELECT s.id FROM small s WHERE NOT EXISTS (
    SELECT FROM batches e WHERE e.pharmacy_id = s.pharmacy_id AND e.received_seq < s.received_seq
      AND e.finished_at IS NULL AND NOT (e.kind = s.kind AND e.id IN (SELECT id FROM small))))
UPDATE batches b SET stage = 'splitting', status = 'PROCESSING', claim_token = %(token)s, worker_id = %(worker)s,
  lease_until = now() + make_interval(secs => %(lease)s), started_at = coalesce(started_at, now()),
  read_zone = p.time_zone
FROM next n, pharmacies p WHERE b.id = n.id AND p.id = b.pharmacy_id
RETURNING b.id, b.kind, b.pharmacy_id, b.received_seq, p.cnpj, p.time_zone, p.has_products,
  NOT p.has_products AS fills_catalogue, b.load_type,
  b.media_type, b.encoding, b.bytes AS size, b.body, b.location, b.claim_token,
  extract(epoch FROM clock_timestamp() - b.received_at)::float8 AS waited

-- claim_fulls_if_free --
-- Claim FULLs for the fast path that are next in their pharmacy, so at most one of each pharmacy. A FULL that comes in
-- parts takes the normal path, and so does an encoded body in the storage, whose part cannot be read alone.
WITH small AS MATERIALIZED (
  SELECT b.id FROM batches b JOIN pharmacies p ON p.id = b.pharmacy_id
  WHERE b.id = ANY(%(ids)s::uuid[]) AND b.kind = 'load' AND b.load_type = 'full' AND b.stage = 'received'
    AND b.finished_at IS NULL AND b.bytes <= %(most)s AND (b.body IS NOT NULL OR b.encoding = '')
    AND b.next_attempt_at IS NULL AND b.crashes = 0 AND coalesce(p.full_window_minutes, %(window)s) = 0
    AND NOT EXISTS (
      SELECT FROM batches e WHERE e.pharmacy_id = b.pharmacy_id AND e.received_seq < b.received_seq
        AND e.finished_at IS NULL)
  ORDER BY b.pharmacy_id FOR UPDATE OF b SKIP LOCKED)
UPDATE batches b SET stage = 'splitting', status = 'PROCESSING', claim_token = %(token)s, worker_id = %(worker)s,
  lease_until = now() + make_interval(secs => %(lease)s), started_at = coalesce(started_at, now()),
  read_zone = p.time_zone
FROM small s, pharmacies p WHERE b.id = s.id AND p.id = b.pharmacy_id
RETURNING b.id, b.kind, b.pharmacy_id, b.received_seq, p.cnpj, p.time_zone, p.has_products,
  NOT p.has_products AS fills_catalogue, b.load_type,
  b.media_type, b.encoding, b.bytes AS size, b.body, b.location, b.claim_token,
  extract(epoch FROM clock_timestamp() - b.received_at)::float8 AS waited

-- find_empty --
-- Those of these pharmacies that never had a product.
SELECT id FROM pharmacies WHERE id = ANY(%(pharmacies)s::bigint[]) AND NOT has_products

-- lock_if_next --
-- Lock the batches whose claim is still held and that no unclaimed batch precedes. The turns of their pharmacies are
-- locked.
SELECT b.id FROM batches b
WHERE b.id = ANY(%(ids)s::uuid[]) AND b.claim_token = %(token)s AND b.stage = 'splitting' AND NOT EXISTS (
  SELECT FROM batches e WHERE e.pharmacy_id = b.pharmacy_id AND e.received_seq < b.received_seq
    AND e.finished_at IS NULL AND e.id <> ALL(%(ids)s::uuid[]))
ORDER BY b.id FOR UPDATE OF b

-- insert_chunks --
-- Insert the one chunk of each batch with its counters. It is never compared again, so it has no hashes. Arrays are bound
-- in binary, which takes psycopg half the time.
INSERT INTO batch_chunks (batch_id, number, location, body_start, body_bytes, first_position, records, ids, hashes,
  inserted, updated, unchanged, merged, rejected, reactivated, warnings, status, worker_id, started_at, finished_at)
SELECT k.id, 0, k.location, k.body_start, k.body_bytes, 0, k.items, k.ids::bigint[], '{}',
  k.inserted, k.updated, k.unchanged, k.merged, k.rejected, k.reactivated, k.warnings, 'COMPLETED', %(worker)s,
  now(), (SELECT clock_timestamp())
FROM unnest(%(batches)b::uuid[], %(locations)b::text[], %(starts)b::bigint[], %(lengths)b::int[], %(items)b::int[],
    %(ids)b::text[], %(inserted)b::int[], %(updated)b::int[], %(unchanged)b::int[], %(merged)b::int[],
    %(rejected)b::int[], %(reactivated)b::int[], %(warnings)b::int[])
  AS k (id, location, body_start, body_bytes, items, ids, inserted, updated, unchanged, merged, rejected, reactivated,
    warnings)

-- finish --
-- Make the batches final, all at one time, which is after their changes. The counters of a batch are those of its one
-- chunk. The arrays are hidden from the planner, so that a plan for one length costs no less than the plan for any:
-- PostgreSQL plans the statement once per connection.
UPDATE batches b SET status = k.status, stage = 'done', split_at = now(), finished_at = (SELECT clock_timestamp()),
  claim_token = NULL,
  lease_until = NULL, chunks_total = 1, chunks_left = 0, items_total = k.items, unreadable_ids = k.unreadable,
  inserted = k.inserted, updated = k.updated, unchanged = k.unchanged, merged = k.merged, rejected = k.rejected,
  reactivated = k.reactivated, warnings = k.warnings, error_code = k.error_code, deactivated = k.deactivated,
  deactivation_state = k.state, deactivation_candidates = k.candidates, deactivation_active = k.active,
  deactivation_reason = k.reason, deactivation_facts = k.facts, absence_proven = k.proven
FROM (SELECT %(batches)b::uuid[] AS ids, %(statuses)b::text[] AS statuses, %(error_codes)b::text[] AS error_codes,
    %(items)b::bigint[] AS items, %(unreadable)b::bigint[] AS unreadable, %(inserted)b::bigint[] AS inserted,
    %(updated)b::bigint[] AS updated, %(unchanged)b::bigint[] AS unchanged, %(merged)b::bigint[] AS merged,
    %(rejected)b::bigint[] AS rejected, %(reactivated)b::bigint[] AS reactivated, %(warnings)b::bigint[] AS warnings,
    %(deactivated)b::bigint[] AS deactivated, %(state)s::text[] AS states, %(candidates)b::bigint[] AS candidates,
    %(active)b::bigint[] AS active, %(reason)s::text[] AS reasons, %(facts)s::jsonb[] AS facts,
    %(proven)b::boolean[] AS proven
  OFFSET 0) a
CROSS JOIN LATERAL unnest(a.ids, a.statuses, a.error_codes, a.items, a.unreadable, a.inserted, a.updated, a.unchanged,
    a.merged, a.rejected, a.reactivated, a.warnings, a.deactivated, a.states, a.candidates, a.active, a.reasons,
    a.facts, a.proven)
  AS k (id, status, error_code, items, unreadable, inserted, updated, unchanged, merged, rejected, reactivated, warnings,
    deactivated, state, candidates, active, reason, facts, proven)
WHERE b.id = k.id

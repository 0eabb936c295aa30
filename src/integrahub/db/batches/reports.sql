-- batches --
-- Batches as clients see them. The counters of an unfinished batch are those of its settled chunks. What a dry run
-- decided is in a table of its own.
SELECT b.id AS batch_id, p.cnpj, b.kind, b.parent_id, b.load_type, b.status, b.stage, b.received_seq, b.received_at,
  b.started_at, b.finished_at, b.bytes, b.items_total, b.chunks_total,
  CASE WHEN b.finished_at IS NULL THEN l.chunks_done ELSE b.chunks_total END AS chunks_done,
  b.inserted + l.inserted AS inserted, b.updated + l.updated AS updated, b.unchanged + l.unchanged AS unchanged,
  b.merged + l.merged AS merged, b.rejected + l.rejected AS rejected, b.dead + l.dead AS dead,
  b.superseded + l.superseded AS superseded, b.cancelled, coalesce(d.deactivated, b.deactivated) AS deactivated,
  b.reactivated,
  b.warnings + l.warnings AS warnings,
  coalesce(d.deactivation_state, b.deactivation_state) AS deactivation_state,
  coalesce(d.deactivation_candidates, b.deactivation_candidates) AS deactivation_candidates,
  coalesce(d.deactivation_active, b.deactivation_active) AS deactivation_active,
  coalesce(d.deactivation_reason, b.deactivation_reason) AS deactivation_reason,
  coalesce(d.deactivation_facts, b.deactivation_facts) AS deactivation_facts,
  b.error_code, b.error_facts, b.error_offset, b.rows_removed_at, b.report_removed_at,
  extract(epoch FROM coalesce(b.finished_at, now()) - b.started_at)::float8 AS seconds,
  CASE WHEN b.finished_at IS NULL THEN (SELECT count(*) FROM batches e WHERE e.pharmacy_id = b.pharmacy_id
    AND e.received_seq < b.received_seq AND e.finished_at IS NULL) END AS queue_position,
  now() AS now
FROM batches b JOIN pharmacies p ON p.id = b.pharmacy_id
LEFT JOIN dry_runs d ON d.batch_id = b.id AND b.kind = 'dry_run'
CROSS JOIN LATERAL (
  SELECT count(*) FILTER (WHERE c.finished_at IS NOT NULL) AS chunks_done, coalesce(sum(c.inserted), 0) AS inserted,
    coalesce(sum(c.updated), 0) AS updated, coalesce(sum(c.unchanged), 0) AS unchanged,
    coalesce(sum(c.merged), 0) AS merged, coalesce(sum(c.rejected), 0) AS rejected,
    coalesce(sum(c.superseded), 0) AS superseded, coalesce(sum(c.warnings), 0) AS warnings,
    coalesce(sum(c.records) FILTER (WHERE c.status = 'FAILED'), 0) AS dead
  FROM batch_chunks c WHERE c.batch_id = b.id AND b.finished_at IS NULL) l

-- by_id --
-- One batch.
WHERE b.id = %(id)s

-- by_ids --
-- Some batches.
WHERE b.id = ANY(%(ids)s)

-- page --
-- One page, newest first, after the cursor.
WHERE (%(cnpjs)s::text[] IS NULL OR p.cnpj = ANY(%(cnpjs)s))
  AND (%(status)s::text IS NULL OR b.status = %(status)s)
  AND (%(load_type)s::text IS NULL OR b.load_type = %(load_type)s)
  AND (%(since)s::timestamptz IS NULL OR b.received_at >= %(since)s)
  AND (%(until)s::timestamptz IS NULL OR b.received_at < %(until)s)
  AND (%(deactivation)s::text IS NULL OR b.deactivation_state = %(deactivation)s)
  AND (%(first)s::uuid IS NULL OR b.id BETWEEN %(first)s AND %(last)s)
  AND (%(after)s::text IS NULL OR (b.received_at, b.id) < (%(after)s::timestamptz, %(after_id)s::uuid))
ORDER BY b.received_at DESC, b.id DESC LIMIT %(limit)s

-- hash --
-- The SHA-256 of a batch's decoded body.
SELECT sha256 FROM batches WHERE id = %(id)s

-- issues --
-- Rejections and warnings of single records in the order of the body, after the cursor. The EAN is that of the record,
-- else that of the product in the table.
SELECT i.position, i.byte_offset, i.severity, i.product_id, i.field, i.code, i.value, i.key,
  CASE WHEN i.ean <> '' THEN i.ean ELSE coalesce(p.ean, '') END AS ean
FROM (SELECT * FROM record_issues
      WHERE batch_id = %(id)s
        AND (%(after)s::bigint IS NULL OR (position, field, code) > (%(after)s, %(after_field)s, %(after_code)s))
      ORDER BY position, field, code LIMIT %(limit)s) i
LEFT JOIN batches b ON b.id = i.batch_id
LEFT JOIN products p ON p.pharmacy_id = b.pharmacy_id
  AND p.product_id = CASE WHEN i.product_id ~ '^[0-9]{1,18}$' THEN i.product_id::bigint END
ORDER BY i.position, i.field, i.code

-- rejected_positions --
-- The chunks with rejected records of a batch, and where their records are.
SELECT c.number, c.location, c.body_start, c.body_bytes, c.first_position, b.body, b.media_type, b.encoding,
  array_agg(DISTINCT f.position ORDER BY f.position) AS positions
FROM record_issues f JOIN batch_chunks c ON c.batch_id = f.batch_id AND c.number = f.chunk
JOIN batches b ON b.id = c.batch_id
WHERE f.batch_id = %(id)s AND f.severity = 'rejected'
GROUP BY b.id, c.batch_id, c.number ORDER BY c.number

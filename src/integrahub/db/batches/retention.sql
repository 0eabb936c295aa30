-- uncopied_letters --
-- Open dead letters whose records have no copy of their own, with the chunk's location, after the cursor.
SELECT d.id, d.cnpj, c.batch_id, c.number, d.location, CASE WHEN d.location = c.location THEN c.body_start END AS body_start,
  c.body_bytes, c.first_position, b.media_type, b.encoding, CASE WHEN d.location = 'body' THEN b.body END AS body
FROM dead_letters d JOIN batch_chunks c ON c.batch_id = d.batch_id AND c.number = d.chunk
JOIN batches b ON b.id = d.batch_id
WHERE d.settled_at IS NULL AND d.id > %(after)s
  AND d.location <> 'dead/' || d.cnpj || '/' || d.batch_id || '/' || lpad(d.chunk::text, 6, '0')
ORDER BY d.id LIMIT %(limit)s

-- record_copy --
-- Record the copy of a dead letter's records.
UPDATE dead_letters SET location = %(location)s WHERE id = %(id)s AND settled_at IS NULL

-- chunks_due --
-- Final batches whose chunk objects are old enough to delete, with the objects. Objects that an open dead letter still
-- reads stay.
SELECT b.id, array_remove(array_agg(c.location), NULL) AS locations
FROM (SELECT id FROM batches f
      WHERE chunks_removed_at IS NULL AND finished_at < now() - make_interval(days => %(days)s)
        AND NOT EXISTS (SELECT FROM dead_letters d WHERE d.batch_id = f.id AND d.settled_at IS NULL
          AND d.location NOT LIKE 'dead/%%')
      ORDER BY finished_at LIMIT %(limit)s) b
LEFT JOIN batch_chunks c ON c.batch_id = b.id AND c.body_start IS NULL AND c.location LIKE 'chunks/%%'
GROUP BY b.id

-- mark_chunks_deleted --
-- Record that the chunk objects are deleted.
UPDATE batches SET chunks_removed_at = now() WHERE id = ANY(%(ids)s)

-- bodies_due --
-- Final batches whose bodies are old enough to delete. Bodies that an open dead letter or a replay still reads stay.
SELECT b.id, b.location FROM batches b
WHERE b.body_removed_at IS NULL AND b.finished_at < now() - make_interval(days => %(days)s)
  AND NOT EXISTS (SELECT FROM batches r
    WHERE r.pharmacy_id = b.pharmacy_id AND r.finished_at IS NULL AND r.kind IN ('replay', 'chunk_replay'))
  AND NOT EXISTS (SELECT FROM dead_letters d WHERE d.batch_id = b.id AND d.settled_at IS NULL
    AND d.location NOT LIKE 'dead/%%')
ORDER BY b.finished_at LIMIT %(limit)s

-- mark_bodies_deleted --
-- Record that the body objects are deleted, and delete the bodies in the rows.
UPDATE batches SET body = NULL, location = NULL, body_removed_at = now() WHERE id = ANY(%(ids)s)

-- dead_letter_copies_due --
-- Dead letters resolved long ago whose copies are still stored.
SELECT id, CASE WHEN location LIKE 'dead/%%' THEN location END AS location FROM dead_letters
WHERE settled_at < now() - make_interval(days => %(days)s) AND location IS NOT NULL
ORDER BY id LIMIT %(limit)s

-- mark_dead_letter_copies_deleted --
-- Record that the copies are deleted.
UPDATE dead_letters SET location = NULL WHERE id = ANY(%(ids)s)

-- rows_due --
-- Final batches without a body whose chunk rows are old enough to delete. They stay while something earlier is open in
-- their pharmacy and needs their ids: a body that can be replayed, a decision, a dead letter, an operation.
WITH open_letters AS MATERIALIZED (
  SELECT l.pharmacy_id, min(coalesce(l.origin_seq, l.received_seq)) AS seq
  FROM dead_letters d JOIN batches l ON l.id = d.batch_id WHERE d.settled_at IS NULL GROUP BY l.pharmacy_id)
SELECT b.id FROM batches b LEFT JOIN open_letters o ON o.pharmacy_id = b.pharmacy_id
WHERE b.body_removed_at IS NOT NULL AND b.rows_removed_at IS NULL
  AND b.finished_at < now() - make_interval(days => %(days)s)
  AND (o.seq IS NULL OR o.seq > b.received_seq)
  AND NOT EXISTS (SELECT FROM batches e WHERE e.pharmacy_id = b.pharmacy_id AND e.rows_removed_at IS NULL
    AND e.received_seq <= b.received_seq AND (e.body_removed_at IS NULL OR e.deactivation_state = 'waiting'))
  AND NOT EXISTS (SELECT FROM batches h WHERE h.pharmacy_id = b.pharmacy_id AND h.rows_removed_at IS NULL
    AND h.deactivation_state = 'held' AND coalesce(h.full_from_seq, h.origin_seq, h.received_seq) <= b.received_seq)
  AND NOT EXISTS (SELECT FROM batches u WHERE u.pharmacy_id = b.pharmacy_id AND u.finished_at IS NULL
    AND coalesce(u.full_from_seq, u.origin_seq, u.received_seq) <= b.received_seq)
ORDER BY b.finished_at LIMIT %(limit)s

-- mark_rows_deleted --
-- Delete the chunk rows of these batches.
WITH gone AS (DELETE FROM batch_chunks WHERE batch_id = ANY(%(ids)s))
UPDATE batches SET rows_removed_at = now() WHERE id = ANY(%(ids)s)

-- reports_due --
-- Batches without chunk rows whose reports are old enough to delete.
SELECT id FROM batches
WHERE rows_removed_at IS NOT NULL AND report_removed_at IS NULL AND finished_at < now() - make_interval(days => %(days)s)
ORDER BY finished_at LIMIT %(limit)s

-- mark_reports_deleted --
-- Delete the reports of these batches.
WITH gone AS (DELETE FROM record_issues WHERE batch_id = ANY(%(ids)s))
UPDATE batches SET report_removed_at = now() WHERE id = ANY(%(ids)s)

-- batches_due --
-- Batches without a report that are old enough to delete. The newest hundred of a pharmacy stay: their rhythm tells
-- when it falls silent. Dry runs before the first load stay as long as that, so that it is known to be the first.
SELECT b.id FROM batches b JOIN pharmacy_turns t ON t.pharmacy_id = b.pharmacy_id
WHERE b.report_removed_at IS NOT NULL AND b.finished_at < now() - make_interval(days => %(days)s)
  AND b.received_seq <= t.last_seq - 100 AND b.deactivation_state NOT IN ('held', 'waiting')
  AND NOT EXISTS (SELECT FROM dead_letters d WHERE d.batch_id = b.id)
  AND (b.kind <> 'dry_run' OR b.received_seq > (
    SELECT min(e.received_seq) FROM batches e WHERE e.pharmacy_id = b.pharmacy_id AND e.kind = 'load'))
ORDER BY b.finished_at LIMIT %(limit)s

-- mark_batches_deleted --
-- Delete the batches, and what dry runs among them decided.
WITH gone AS (DELETE FROM dry_runs WHERE batch_id = ANY(%(ids)s))
DELETE FROM batches WHERE id = ANY(%(ids)s)

-- delete_dry_run_changes --
-- Delete changes of dry runs whose id, a UUIDv7, is older than these days.
DELETE FROM dry_run_changes WHERE ctid = ANY(ARRAY(
  SELECT ctid FROM dry_run_changes
  WHERE batch_id < (lpad(to_hex((extract(epoch FROM now() - make_interval(days => %(days)s)) * 1000)::bigint), 12, '0')
    || '00000000000000000000')::uuid
  ORDER BY batch_id LIMIT %(limit)s))

-- dead_letters_due --
-- Dead letters resolved long ago whose copies are deleted.
SELECT id FROM dead_letters WHERE settled_at < now() - make_interval(days => %(days)s) AND location IS NULL
ORDER BY id LIMIT %(limit)s

-- mark_dead_letters_deleted --
-- Delete the dead letters.
DELETE FROM dead_letters WHERE id = ANY(%(ids)s)

-- find_needed --
-- Objects that a row names or whose batch is not final, given name, batch and (for copies of dead chunks) number.
SELECT k.name FROM unnest(%(names)s::text[], %(batches)s::uuid[], %(numbers)s::int[]) AS k (name, batch_id, number)
LEFT JOIN batches b ON b.id = k.batch_id
WHERE (b.id IS NOT NULL AND (b.finished_at IS NULL OR k.name LIKE 'batches/%%'))
  OR EXISTS (SELECT FROM batch_chunks c WHERE c.batch_id = k.batch_id AND c.location = k.name)
  OR EXISTS (SELECT FROM dead_letters d WHERE d.batch_id = k.batch_id
    AND (d.location = k.name OR (d.chunk = k.number AND d.settled_at IS NULL)))

-- insert_operation --
-- Insert an operation on a final batch, with its own number.
INSERT INTO batches (id, pharmacy_id, received_seq, kind, parent_id, load_type, bytes, sha256, stage, status,
  chunks_total, chunks_left, items_total, started_at, first_byte_at)
VALUES (%(id)s, %(pharmacy_id)s, %(received_seq)s, %(kind)s, %(parent_id)s, 'full', 0, '', 'waiting', 'PROCESSING',
  0, 0, 0, now(), now())

-- decide_if_held --
-- Store an operator's decision on a held deactivation.
UPDATE batches b SET deactivation_state = %(state)s, deactivated = b.deactivated + %(deactivated)s,
  absence_proven = %(state)s = 'approved'
WHERE b.id = %(id)s AND b.deactivation_state = 'held'

-- pending_operation --
-- An operation or replay of this batch that is not final.
SELECT id FROM batches WHERE parent_id = %(id)s AND finished_at IS NULL

-- decide_if_waiting --
-- Store the decision on a FULL in parts in the row of its last part.
UPDATE batches b SET deactivation_state = %(state)s, deactivated = %(deactivated)s, full_from_seq = %(first)s,
  deactivation_candidates = %(candidates)s, deactivation_active = %(active)s, deactivation_reason = %(reason)s,
  deactivation_facts = %(facts)s, absence_proven = %(proven)s
WHERE b.id = %(id)s AND b.deactivation_state = 'waiting'

-- full_window_parts --
-- The uploads of one FULL in parts: between two of them is no gap longer than the window.
WITH fulls AS (
  SELECT *, first_byte_at > lag(received_at) OVER (ORDER BY received_seq) + make_interval(mins => %(minutes)s) AS late
  FROM batches WHERE pharmacy_id = %(pharmacy_id)s AND kind = 'load' AND load_type = 'full'
    AND received_seq < %(until)s
)
SELECT id, received_seq, received_at, status, media_type, item_count_claimed, items_total, unreadable_ids FROM fulls
WHERE received_seq >= coalesce((SELECT max(received_seq) FROM fulls WHERE late), 0) ORDER BY received_seq

-- closed_windows --
-- FULLs in parts whose window has closed: the last part of each pharmacy. The window waits for an upload whose first
-- byte came in time: 30 seconds until its first record names the pharmacy, then as long as the upload is renewed, one
-- hour at most.
SELECT DISTINCT ON (b.pharmacy_id) b.id, b.pharmacy_id
FROM batches b JOIN pharmacies p ON p.id = b.pharmacy_id
WHERE b.deactivation_state = 'waiting' AND b.finished_at IS NOT NULL
  AND (%(pharmacy_id)s::bigint IS NULL OR b.pharmacy_id = %(pharmacy_id)s)
  AND NOT EXISTS (SELECT FROM batches o WHERE o.pharmacy_id = b.pharmacy_id AND o.load_type = 'full'
    AND (o.finished_at IS NULL AND o.kind <> 'dry_run' OR o.kind = 'load' AND o.received_at
      + make_interval(mins => coalesce(p.full_window_minutes, %(window)s), secs => 30) > now()))
  AND NOT EXISTS (SELECT FROM full_uploads u JOIN batches o ON o.pharmacy_id = u.pharmacy_id
    AND o.kind = 'load' AND o.load_type = 'full'
    AND u.begun_at <= o.received_at + make_interval(mins => coalesce(p.full_window_minutes, %(window)s))
    WHERE u.pharmacy_id = b.pharmacy_id AND u.renewed_at > now() - interval '30 seconds'
      AND u.begun_at > now() - interval '1 hour')
ORDER BY b.pharmacy_id, b.received_seq DESC

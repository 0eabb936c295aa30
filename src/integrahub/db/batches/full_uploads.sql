-- start_if_windowed --
-- A part of a FULL is on its way, where FULLs come in parts.
INSERT INTO full_uploads (batch_id, pharmacy_id, begun_at)
SELECT %(id)s, id, now() - make_interval(secs => %(age)s) FROM pharmacies
WHERE id = %(pharmacy_id)s AND coalesce(full_window_minutes, %(window)s) > 0
RETURNING batch_id

-- renew --
-- It goes on.
UPDATE full_uploads SET renewed_at = now() WHERE batch_id = %(id)s

-- finish --
-- It is a batch now, or will never be one: no window waits for it. The API deletes nothing; sweep does.
UPDATE full_uploads SET renewed_at = '-infinity' WHERE batch_id = %(id)s

-- prune --
-- Delete uploads that ended or vanished.
DELETE FROM full_uploads WHERE renewed_at < now() - interval '1 minute'

-- start_if_windowed --
-- Register the upload of a FULL, if the pharmacy's FULLs may come in parts.
INSERT INTO full_uploads (batch_id, pharmacy_id, begun_at)
SELECT %(id)s, id, now() - make_interval(secs => %(age)s) FROM pharmacies
WHERE id = %(pharmacy_id)s AND coalesce(full_window_minutes, %(window)s) > 0
RETURNING batch_id

-- renew --
-- Record that the upload is still running.
UPDATE full_uploads SET renewed_at = now() WHERE batch_id = %(id)s

-- finish --
-- Record that the upload has ended: no window waits for it. The sweep deletes the row, because the role of the API may
-- not.
UPDATE full_uploads SET renewed_at = '-infinity' WHERE batch_id = %(id)s

-- prune --
-- Delete uploads that have ended or were not renewed.
DELETE FROM full_uploads WHERE renewed_at < now() - interval '1 minute'

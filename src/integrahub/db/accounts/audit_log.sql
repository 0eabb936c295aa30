-- start --
-- Store an action that is about to begin.
INSERT INTO audit_log (actor, user_id, address, action, subject, before)
VALUES (%(actor)s, %(user_id)s, %(address)s, %(action)s, %(subject)s, %(before)s) RETURNING id

-- complete_if_open --
-- Store the outcome. A complete entry is never changed.
UPDATE audit_log SET outcome = %(outcome)s, after = %(after)s, ended_at = now()
WHERE id = %(id)s AND outcome IS NULL

-- page --
-- Actions, newest first.
SELECT id, at, actor, address, action, subject, before, after, outcome, ended_at FROM audit_log
WHERE (%(after_id)s::bigint IS NULL OR id < %(after_id)s)
  AND (%(actor)s::text IS NULL OR actor = %(actor)s) AND (%(action)s::text IS NULL OR action = %(action)s)
  AND (%(subject)s::text IS NULL OR subject = %(subject)s)
ORDER BY id DESC LIMIT %(limit)s

-- plan_for_values --
-- Plan the search for its values: most filters are absent, and each of the others has an index of its own.
SET LOCAL plan_cache_mode = force_custom_plan

-- search --
-- Actions, newest first, also by person and time.
SELECT id, at, actor, user_id, address, action, subject, before, after, outcome, ended_at FROM audit_log
WHERE (%(after_id)s::bigint IS NULL OR id < %(after_id)s)
  AND (%(actor)s::text IS NULL OR actor = %(actor)s) AND (%(action)s::text IS NULL OR action = %(action)s)
  AND (%(subject)s::text IS NULL OR subject = %(subject)s) AND (%(user_id)s::bigint IS NULL OR user_id = %(user_id)s)
  AND (%(since)s::timestamptz IS NULL OR at >= %(since)s) AND (%(until)s::timestamptz IS NULL OR at < %(until)s)
ORDER BY id DESC LIMIT %(limit)s

-- blank_addresses --
-- Blank old network addresses. Only the owner of the tables may change complete entries, so workers call a function.
SELECT blank_addresses(%(days)s, %(limit)s)

-- delete_old --
-- Delete entries that are more than five years old.
SELECT delete_audit_entries(%(limit)s)

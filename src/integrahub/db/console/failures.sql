-- causes --
-- Causes of failure that match all filters. An order or a condition follows. Open letters are counted up to a limit.
SELECT g.fingerprint, g.error_class, g.error_code, g.culprit, g.count AS total, g.first_seen, g.last_seen,
  g.muted_until, g.mute_note, g.muted_by, o.open, o.pharmacies, o.first_open, g.sample, left(s.message, 300) AS message
FROM failure_groups g
CROSS JOIN LATERAL (
  SELECT count(*) AS open, count(DISTINCT l.cnpj) AS pharmacies, min(l.created_at) AS first_open
  FROM (SELECT d.cnpj, d.created_at FROM dead_letters d
    WHERE d.fingerprint = g.fingerprint AND d.settled_at IS NULL AND (%(cnpj)s::text IS NULL OR d.cnpj = %(cnpj)s)
      AND d.created_at >= coalesce(%(since)s::timestamptz, '-infinity')
    LIMIT %(counted)s + 1) l) o
LEFT JOIN dead_letters s ON s.id = g.sample
WHERE (%(cause)s::text IS NULL OR %(cause)s IN (g.error_class, g.error_code, g.fingerprint, g.culprit))
  AND g.last_seen >= coalesce(%(since)s::timestamptz, '-infinity')
  AND CASE %(state)s
    WHEN 'open' THEN o.open > 0 AND coalesce(g.muted_until, '-infinity') <= now()
    WHEN 'muted' THEN g.muted_until > now()
    WHEN 'settled' THEN o.open = 0
    ELSE o.open > 0 OR %(cnpj)s::text IS NULL END

-- latest_first --
-- The latest first, after the cursor.
  AND (%(before)s::timestamptz IS NULL OR (g.last_seen, g.fingerprint) < (%(before)s, %(before_fingerprint)s))
ORDER BY g.last_seen DESC, g.fingerprint DESC LIMIT %(limit)s

-- later --
-- Begin the count of causes that failed after a list was opened and that it does not show. The causes follow.
SELECT count(*) FROM (

-- later_end --
-- End it.
  AND g.last_seen > %(opened)s::timestamptz AND g.fingerprint <> ALL (%(fingerprints)s::text[]) LIMIT 100) n

-- shown --
-- Causes in the order in which a list shows them, with their open letters counted up to a limit.
SELECT g.fingerprint, g.error_class, g.error_code, g.culprit, g.count AS total, g.first_seen, g.last_seen,
  g.muted_until, g.mute_note, g.muted_by, o.open, o.pharmacies, o.first_open, g.sample, left(s.message, 300) AS message
FROM failure_groups g
CROSS JOIN LATERAL (
  SELECT count(*) AS open, count(DISTINCT l.cnpj) AS pharmacies, min(l.created_at) AS first_open
  FROM (SELECT d.cnpj, d.created_at FROM dead_letters d
    WHERE d.fingerprint = g.fingerprint AND d.settled_at IS NULL AND (%(cnpj)s::text IS NULL OR d.cnpj = %(cnpj)s)
      AND d.created_at >= coalesce(%(since)s::timestamptz, '-infinity')
    LIMIT %(counted)s + 1) l) o
LEFT JOIN dead_letters s ON s.id = g.sample
WHERE g.fingerprint = ANY (%(fingerprints)s::text[])
ORDER BY array_position(%(fingerprints)s::text[], g.fingerprint)

-- cause_names --
-- What some causes are called.
SELECT fingerprint, error_class, error_code, culprit FROM failure_groups WHERE fingerprint = ANY (%(fingerprints)s::text[])

-- letters_of_cause --
-- Dead letters of one cause, newest first, after the cursor.
SELECT d.id, d.batch_id, d.chunk, d.cnpj, p.name, d.topic, d.records, left(d.message, 300) AS message, d.created_at,
  d.replay_asked_at, d.settled_at, d.replayed_by, d.replay_refusal, jsonb_array_length(d.attempts) AS attempts
FROM dead_letters d LEFT JOIN pharmacies p ON p.cnpj = d.cnpj
WHERE d.fingerprint = %(fingerprint)s AND d.id < coalesce(%(after)s::bigint, 9223372036854775807)
  AND (%(cnpj)s::text IS NULL OR d.cnpj = %(cnpj)s)
  AND d.created_at >= coalesce(%(since)s::timestamptz, '-infinity')
  AND (%(settled)s::boolean IS NULL OR (d.settled_at IS NOT NULL) = %(settled)s)
ORDER BY d.id DESC LIMIT %(limit)s

-- pharmacies_of_filter --
-- Pharmacies of the open letters that a filter finds and that no operation holds, counted up to a limit.
SELECT l.cnpj, p.name, count(*) AS letters, sum(l.records)::bigint AS records, min(l.created_at) AS first_at
FROM (SELECT cnpj, records, created_at FROM dead_letters
  WHERE settled_at IS NULL AND replay_asked_at IS NULL AND (%(ids)s::bigint[] IS NULL OR id = ANY(%(ids)s))
    AND (%(batch_id)s::uuid IS NULL OR batch_id = %(batch_id)s) AND (%(cnpj)s::text IS NULL OR cnpj = %(cnpj)s)
    AND (%(error)s::text IS NULL OR %(error)s IN (error_class, error_code, fingerprint))
    AND (%(since)s::timestamptz IS NULL OR created_at >= %(since)s)
  ORDER BY id LIMIT %(limit)s) l
LEFT JOIN pharmacies p ON p.cnpj = l.cnpj
GROUP BY l.cnpj, p.name ORDER BY count(*) DESC, l.cnpj

-- operations_of_cause --
-- The latest operations that replayed letters of one cause, newest first, among the latest of all.
SELECT id FROM (SELECT id, filters, created_at FROM bulk_operations ORDER BY created_at DESC, id DESC LIMIT 200) o
WHERE o.filters ->> 'error' = %(fingerprint)s ORDER BY o.created_at DESC LIMIT %(limit)s

-- pharmacy_name --
-- Name of a pharmacy.
SELECT name FROM pharmacies WHERE cnpj = %(cnpj)s

-- hours --
-- Open letters of causes at the end of each of the last 24 hours.
SELECT fingerprint, hour, open FROM failure_hours
WHERE fingerprint = ANY(%(fingerprints)s::text[]) AND hour > %(now)s::timestamptz - interval '24 hours'
ORDER BY fingerprint, hour

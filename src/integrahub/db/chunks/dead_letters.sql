-- insert_unless_known --
-- Insert the dead letter of a chunk. A chunk has one.
INSERT INTO dead_letters (batch_id, chunk, cnpj, location, records, error_class, error_code, culprit, message, stack,
  attempts, fingerprint)
VALUES (%(batch_id)s, %(chunk)s, %(cnpj)s, %(location)s, %(records)s, %(error_class)s, %(error_code)s, %(culprit)s,
  %(message)s, %(stack)s, %(attempts)s, %(fingerprint)s)
ON CONFLICT (batch_id, chunk) DO NOTHING

-- insert_message_unless_known --
-- Insert the dead letter of a message. The same event inserts it once.
INSERT INTO dead_letters (letter_id, trace_id, topic, body, records, error_class, error_code, culprit, message, stack,
  attempts, fingerprint, created_at)
VALUES (%(letter_id)s, %(trace_id)s, %(topic)s, %(body)s, 0, %(error_class)s, %(error_code)s, %(culprit)s, %(message)s,
  %(stack)s, '[]', %(fingerprint)s, %(failed_at)s)
ON CONFLICT (letter_id) DO NOTHING

-- chunk --
-- Read what the dead letter of a chunk takes over from the chunk.
SELECT p.cnpj, c.location, c.records, c.attempt_log
FROM batch_chunks c JOIN batches b ON b.id = c.batch_id JOIN pharmacies p ON p.id = b.pharmacy_id
WHERE c.batch_id = %(batch_id)s AND c.number = %(number)s

-- group_new --
-- Count new dead letters in the failure groups of their fingerprints, each once.
WITH fresh AS (
  UPDATE dead_letters SET grouped_at = now() WHERE grouped_at IS NULL
  RETURNING id, fingerprint, error_class, error_code, culprit, created_at)
INSERT INTO failure_groups AS g (fingerprint, error_class, error_code, culprit, count, first_seen, last_seen, sample)
SELECT fingerprint, min(error_class), min(error_code), min(culprit), count(*), min(created_at), max(created_at), max(id)
FROM fresh GROUP BY fingerprint
ON CONFLICT (fingerprint) DO UPDATE SET count = g.count + excluded.count, sample = excluded.sample,
  first_seen = least(g.first_seen, excluded.first_seen), last_seen = greatest(g.last_seen, excluded.last_seen)
RETURNING fingerprint, count

-- ungrouped --
-- List dead letters of chunks that are not counted some seconds after their insert.
SELECT batch_id, chunk, message FROM dead_letters
WHERE grouped_at IS NULL AND batch_id IS NOT NULL AND created_at < now() - interval '5 seconds' LIMIT 100

-- page --
-- List dead letters that match all filters, newest first, after the cursor.
SELECT id, batch_id, chunk, cnpj, topic, trace_id, location, records, error_class, error_code, culprit, message, attempts,
  fingerprint, created_at, replay_asked_at, settled_at, replayed_by, bulk_operation_id, replay_refusal
FROM dead_letters
WHERE (%(cnpj)s::text IS NULL OR cnpj = %(cnpj)s)
  AND (%(error)s::text IS NULL OR %(error)s IN (error_class, error_code, fingerprint))
  AND (%(batch_id)s::uuid IS NULL OR batch_id = %(batch_id)s)
  AND (%(since)s::timestamptz IS NULL OR created_at >= %(since)s)
  AND (%(settled)s::boolean IS NULL OR (settled_at IS NOT NULL) = %(settled)s)
  AND (%(after)s::bigint IS NULL OR id < %(after)s)
ORDER BY id DESC LIMIT %(limit)s

-- find --
-- Read one dead letter with its stack, and with its message; bytes that are not ASCII are escaped.
SELECT id, batch_id, chunk, cnpj, topic, trace_id, encode(body, 'escape') AS body, location, records, error_class,
  error_code, culprit, message, stack, attempts, fingerprint, created_at, replay_asked_at, settled_at, replayed_by,
  bulk_operation_id, replay_refusal
FROM dead_letters WHERE id = %(id)s

-- list_unresolved --
-- List open dead letters that match all filters and are not queued for replay, oldest first.
SELECT id, batch_id, chunk, location, topic, body FROM dead_letters
WHERE settled_at IS NULL AND replay_asked_at IS NULL AND (%(ids)s::bigint[] IS NULL OR id = ANY(%(ids)s))
  AND (%(batch_id)s::uuid IS NULL OR batch_id = %(batch_id)s) AND (%(cnpj)s::text IS NULL OR cnpj = %(cnpj)s)
  AND (%(error)s::text IS NULL OR %(error)s IN (error_class, error_code, fingerprint))
  AND (%(since)s::timestamptz IS NULL OR created_at >= %(since)s)
ORDER BY id LIMIT %(limit)s

-- groups --
-- List failure groups, latest failure first.
SELECT fingerprint, error_class, error_code, culprit, count, first_seen, last_seen, sample
FROM failure_groups ORDER BY last_seen DESC LIMIT 500

-- mute --
-- Mute a failure group until a time, or end its mute (null).
UPDATE failure_groups SET muted_until = %(until)s, mute_note = %(note)s, muted_by = %(actor)s
WHERE fingerprint = %(fingerprint)s

-- newest --
-- Begin the list of batches. Filters and an order follow.
SELECT b.id, b.received_at, p.name, p.time_zone, k.hint AS key_hint, 0::float8 AS sort_key
FROM batches b JOIN pharmacies p ON p.id = b.pharmacy_id LEFT JOIN api_keys k ON k.id = b.api_key_id
WHERE true

-- ranked --
-- Begin the list of the latest batches by a figure of theirs. Filters follow.
SELECT b.id, b.received_at, p.name, p.time_zone, k.hint AS key_hint, b.sort_key
FROM (SELECT b.id, b.received_at, b.pharmacy_id, b.api_key_id, CASE %(sort)s
    WHEN 'duration' THEN extract(epoch FROM coalesce(b.finished_at, now()) - b.received_at)::float8
    WHEN 'rejected' THEN (b.rejected + b.dead)::float8
    ELSE coalesce(b.items_total, 0)::float8 END AS sort_key
  FROM batches b WHERE true

-- ranked_end --
-- End it: the largest first, after the cursor.
  ORDER BY b.received_at DESC, b.id DESC LIMIT %(latest)s) b
JOIN pharmacies p ON p.id = b.pharmacy_id LEFT JOIN api_keys k ON k.id = b.api_key_id
WHERE (%(after_key)s::float8 IS NULL OR (b.sort_key, b.id) < (%(after_key)s, %(after_id)s))
ORDER BY b.sort_key DESC, b.id DESC LIMIT %(limit)s

-- totals --
-- Begin the counts of the latest batches by state. Filters follow.
SELECT b.status, count(*) AS count, count(*) FILTER (WHERE b.deactivation_state = 'held') AS held
FROM (SELECT b.status, b.deactivation_state FROM batches b WHERE true

-- totals_end --
-- End them.
  ORDER BY b.received_at DESC, b.id DESC LIMIT %(latest)s) b GROUP BY b.status

-- newer --
-- Begin the count of batches that are newer than the first line of a list. Filters follow.
SELECT count(*) FROM (SELECT FROM batches b WHERE (b.received_at, b.id) > (%(top)s, %(top_id)s)

-- newer_end --
-- End it.
  LIMIT 100) b

-- up_to_top --
-- Only the first line of a list that is shown, and what follows it.
AND (b.received_at, b.id) <= (%(top)s, %(top_id)s)

-- order_newest --
-- End the list, newest first.
ORDER BY b.received_at DESC, b.id DESC LIMIT %(limit)s

-- order_oldest --
-- End the list, oldest first.
ORDER BY b.received_at, b.id LIMIT %(limit)s

-- after_newest --
-- Only what follows the cursor, newest first.
AND (b.received_at, b.id) < (%(after)s, %(after_id)s)

-- after_oldest --
-- Only what follows the cursor, oldest first.
AND (b.received_at, b.id) > (%(after)s, %(after_id)s)

-- of_cnpj --
-- Only batches of one pharmacy.
AND b.pharmacy_id = (SELECT id FROM pharmacies WHERE cnpj = %(cnpj)s)

-- named --
-- Pharmacies whose name contains a text, up to a limit.
SELECT id FROM pharmacies WHERE fold_text(name) LIKE fold_text(%(name)s) LIMIT %(limit)s

-- of_pharmacies --
-- Only batches of some pharmacies.
AND b.pharmacy_id = ANY (%(pharmacies)s::bigint[])

-- of_name --
-- Only batches of pharmacies whose name contains a text. The names are read once, the batches in the order of the list.
AND (b.pharmacy_id IN (SELECT id FROM pharmacies WHERE fold_text(name) LIKE fold_text(%(name)s))) IS TRUE

-- of_ids --
-- Only batches whose id begins with a prefix.
AND b.id BETWEEN %(first_id)s AND %(last_id)s

-- of_suffix --
-- Only batches whose id ends with what lists show of it.
AND b.id = ANY (ARRAY(SELECT id FROM (SELECT id FROM batches ORDER BY received_at DESC, id DESC LIMIT 10000) l
  WHERE l.id::text LIKE %(suffix)s))

-- of_status --
-- Only batches in one of some states.
AND b.status = ANY (%(statuses)s::text[])

-- of_load_type --
-- Only FULLs or DELTAs.
AND b.load_type = %(load_type)s

-- of_error --
-- Only batches that failed with a code.
AND b.error_code = %(error)s

-- since --
-- Only batches received at this time or later.
AND b.received_at >= %(since)s

-- until --
-- Only batches received before this time.
AND b.received_at < %(until)s

-- facts --
-- What the page of a batch shows besides the batch as clients see it. Object storage holds the body, or the row does.
SELECT b.id, b.pharmacy_id, b.received_seq, p.name, p.time_zone, k.hint AS key_hint, b.media_type,
  CASE WHEN b.location LIKE 'batches/%%.zst' THEN '' ELSE b.encoding END AS encoding,
  b.item_count_claimed, b.unreadable_ids, b.sha256, b.first_byte_at, b.split_at, b.idempotency_key, b.full_from_seq,
  b.location, b.body IS NOT NULL AS has_inline_body, b.body_removed_at, b.chunks_removed_at,
  (SELECT min(c.started_at) FROM batch_chunks c WHERE c.batch_id = b.id) AS upsert_at,
  (SELECT max(c.finished_at) FROM batch_chunks c WHERE c.batch_id = b.id) AS applied_at,
  (SELECT count(*) FROM dead_letters d WHERE d.batch_id = b.id AND d.settled_at IS NULL) AS open_letters
FROM batches b JOIN pharmacies p ON p.id = b.pharmacy_id LEFT JOIN api_keys k ON k.id = b.api_key_id
WHERE b.id = %(id)s

-- body --
-- Where the body of a batch is, and how it is written.
SELECT location, body AS content, media_type, encoding FROM batches WHERE id = %(id)s

-- neighbours --
-- The two batches of the pharmacy before a batch and the two after it, oldest first.
SELECT * FROM (
  (SELECT id, received_at, received_seq, kind, load_type, status, deactivation_state FROM batches
    WHERE pharmacy_id = %(pharmacy_id)s AND received_seq < %(received_seq)s ORDER BY received_seq DESC LIMIT 2)
  UNION ALL
  (SELECT id, received_at, received_seq, kind, load_type, status, deactivation_state FROM batches
    WHERE pharmacy_id = %(pharmacy_id)s AND received_seq > %(received_seq)s ORDER BY received_seq LIMIT 2)) n
ORDER BY received_seq

-- operations --
-- The latest operations on a batch: its replays, and the decision on its deactivation.
SELECT id, received_at, received_seq, kind, load_type, status, deactivation_state FROM batches
WHERE parent_id = %(id)s ORDER BY received_at DESC, id DESC LIMIT 20

-- chunks --
-- One page of the chunks of a batch, with the dead letter of each that failed for good.
SELECT c.number, c.status, c.records, c.inserted, c.updated, c.unchanged, c.merged, c.rejected, c.superseded, c.attempts,
  c.crashes, c.last_error, c.attempt_log, c.started_at, c.finished_at, c.next_attempt_at, d.id AS letter_id
FROM batch_chunks c LEFT JOIN dead_letters d ON d.batch_id = c.batch_id AND d.chunk = c.number
WHERE c.batch_id = %(id)s AND c.number > %(after)s
  AND (NOT %(only_troubled)s::boolean OR c.status IN ('FAILED', 'RETRYING') OR c.attempts > 0 OR c.crashes > 0)
ORDER BY c.number LIMIT %(limit)s

-- issue_counts --
-- Count the issues of a batch by code, as far as the first ones go.
SELECT severity, code, field, count(*) AS count
FROM (SELECT severity, code, field FROM record_issues WHERE batch_id = %(id)s ORDER BY position LIMIT %(counted)s) i
GROUP BY severity, code, field ORDER BY severity, count(*) DESC, code, field LIMIT 30

-- issues --
-- One page of the issues of a batch in the order of the body, of one code if given, among the next ones.
SELECT i.position, i.byte_offset, i.severity, i.product_id, i.field, i.code, i.value, i.key, i.ean, i.chunk
FROM (SELECT * FROM record_issues WHERE batch_id = %(id)s AND position >= %(after)s
    AND (position > %(after)s OR (field, code) > (%(after_field)s, %(after_code)s))
  ORDER BY position LIMIT %(searched)s) i
WHERE (%(severity)s::text IS NULL OR i.severity = %(severity)s) AND (%(code)s::text IS NULL OR i.code = %(code)s)
ORDER BY i.position, i.field, i.code LIMIT %(limit)s

-- place --
-- Where the records of a chunk are.
SELECT c.location, c.body_start, c.body_bytes, c.first_position, b.body, b.media_type, b.encoding
FROM batch_chunks c JOIN batches b ON b.id = c.batch_id WHERE c.batch_id = %(id)s AND c.number = %(number)s

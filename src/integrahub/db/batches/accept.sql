-- find_by_idempotency_key --
-- Batches received under these idempotency keys: at most one load and one dry run each. A resend never repeats a failed
-- or cancelled batch.
SELECT b.id, b.pharmacy_id, b.kind, b.idempotency_key, b.load_type, b.sha256, b.status, b.received_at
FROM unnest(%(pharmacies)s::bigint[], %(keys)s::text[]) AS k (pharmacy_id, idempotency_key)
JOIN batches b ON b.pharmacy_id = k.pharmacy_id AND b.idempotency_key = k.idempotency_key
WHERE b.status NOT IN ('FAILED', 'CANCELLED')

-- find_latest --
-- The newest load of each pharmacy, if it is young enough for a resend of the same body. Only the last 64 numbers are
-- searched, so that no query plan reads a long history; dry runs and operations between a post and its resend fit.
SELECT b.id, b.pharmacy_id, b.kind, b.load_type, b.sha256, b.status, b.received_at
FROM unnest(%(pharmacies)s::bigint[]) AS k (pharmacy_id)
JOIN pharmacy_turns t ON t.pharmacy_id = k.pharmacy_id
CROSS JOIN LATERAL (
  SELECT * FROM batches WHERE pharmacy_id = k.pharmacy_id AND received_seq > t.last_seq - 64 AND kind = 'load'
  ORDER BY received_seq DESC LIMIT 1
) b
WHERE b.status NOT IN ('FAILED', 'CANCELLED') AND b.received_at > clock_timestamp() - interval '10 minutes'

-- find_latest_dry_run --
-- The newest batch of each pharmacy if it is a dry run and young enough for a resend of the same body. A batch received
-- since may change the catalogue, so the dry run would no longer answer for it.
SELECT b.id, b.pharmacy_id, b.kind, b.load_type, b.sha256, b.status, b.received_at
FROM pharmacy_turns t JOIN batches b ON b.pharmacy_id = t.pharmacy_id AND b.received_seq = t.last_seq
WHERE t.pharmacy_id = ANY(%(pharmacies)s::bigint[]) AND b.kind = 'dry_run'
  AND b.status NOT IN ('FAILED', 'CANCELLED') AND b.received_at > clock_timestamp() - interval '10 minutes'

-- next_received_seqs --
-- The next numbers of each pharmacy. Its turn row is locked, so the numbers have no gaps.
UPDATE pharmacy_turns t SET last_seq = t.last_seq + k.wanted
FROM unnest(%(pharmacies)s::bigint[], %(wanted)s::bigint[]) AS k (pharmacy_id, wanted)
WHERE t.pharmacy_id = k.pharmacy_id
RETURNING t.pharmacy_id, t.last_seq, date_trunc('milliseconds', clock_timestamp()) AS received_at

-- insert --
-- Insert accepted batches with one statement, so that row security is evaluated once.
INSERT INTO batches (id, pharmacy_id, received_seq, kind, load_type, media_type, encoding, idempotency_key, item_count_claimed,
  body, location, bytes, stored_bytes, sha256, api_key_id, first_byte_at, received_at, dispatched_at)
SELECT k.id, k.pharmacy_id, k.received_seq, k.kind, k.load_type, k.media_type, k.encoding, k.idempotency_key, k.item_count,
  CASE WHEN k.location IS NULL THEN k.body END, k.location, k.bytes, k.stored_bytes, k.sha256, k.api_key_id,
  %(received_at)s - make_interval(secs => k.streamed), %(received_at)s, clock_timestamp()
FROM unnest(%(id)b::uuid[], %(pharmacy_id)b::bigint[], %(received_seq)b::bigint[], %(kind)b::text[], %(load_type)b::text[],
  %(media_type)b::text[], %(encoding)b::text[], %(idempotency_key)b::text[], %(item_count)b::bigint[],
  %(body)b::bytea[], %(location)b::text[], %(bytes)b::bigint[], %(stored_bytes)b::bigint[], %(sha256)b::bytea[], %(api_key_id)b::uuid[],
  %(streamed)b::float8[])
  AS k (id, pharmacy_id, received_seq, kind, load_type, media_type, encoding, idempotency_key, item_count, body, location,
    bytes, stored_bytes, sha256, api_key_id, streamed)

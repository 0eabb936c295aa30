-- lock_turns --
-- Take the turns of all pharmacies of a flush, in one order for everybody.
SELECT pharmacy_id FROM pharmacy_turns WHERE pharmacy_id = ANY(%(pharmacies)s::bigint[]) ORDER BY pharmacy_id FOR UPDATE

-- keyed --
-- Batches already received under these idempotency keys; failed and cancelled ones never absorb a resend.
SELECT b.id, b.pharmacy_id, b.idempotency_key, b.load_type, b.sha256, b.status, b.received_at
FROM unnest(%(pharmacies)s::bigint[], %(keys)s::text[]) AS k (pharmacy_id, idempotency_key)
JOIN batches b ON b.pharmacy_id = k.pharmacy_id AND b.idempotency_key = k.idempotency_key
WHERE b.status NOT IN ('FAILED', 'CANCELLED')

-- latest --
-- The newest load of each pharmacy, when it is young enough to be a resend of the same body.
SELECT b.id, b.pharmacy_id, b.load_type, b.sha256, b.status, b.received_at
FROM unnest(%(pharmacies)s::bigint[]) AS k (pharmacy_id)
CROSS JOIN LATERAL (
  SELECT * FROM batches WHERE pharmacy_id = k.pharmacy_id AND kind = 'load' ORDER BY received_seq DESC LIMIT 1
) b
WHERE b.status NOT IN ('FAILED', 'CANCELLED') AND b.received_at > clock_timestamp() - interval '10 minutes'

-- take_numbers --
-- The next numbers of each pharmacy; its turn row is locked, so they have no gaps.
UPDATE pharmacy_turns t SET last_seq = t.last_seq + k.wanted
FROM unnest(%(pharmacies)s::bigint[], %(wanted)s::bigint[]) AS k (pharmacy_id, wanted)
WHERE t.pharmacy_id = k.pharmacy_id
RETURNING t.pharmacy_id, t.last_seq, date_trunc('milliseconds', clock_timestamp()) AS received_at

-- insert --
-- One accepted batch.
INSERT INTO batches (id, pharmacy_id, received_seq, load_type, media_type, encoding, idempotency_key, item_count_claimed,
  body, location, bytes, sha256, first_byte_at, received_at, announced_at)
VALUES (%(id)s, %(pharmacy_id)s, %(received_seq)s, %(load_type)s, %(media_type)s, %(encoding)s, %(idempotency_key)s,
  %(item_count)s, %(body)s, %(location)s, %(bytes)s, %(sha256)s,
  %(received_at)s - make_interval(secs => %(streamed)s), %(received_at)s, clock_timestamp())

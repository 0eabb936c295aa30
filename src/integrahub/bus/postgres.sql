-- publish --
-- Insert messages, or lists of them, and notify the listeners of their topics.
WITH sent AS (
  INSERT INTO bus_messages (topic, body)
  SELECT topic, body FROM unnest(%(topics)s::text[], %(bodies)b::bytea[]) AS k (topic, body)
)
SELECT pg_notify('integrahub_bus', topic) FROM unnest(%(notified)s::text[]) AS topic

-- receive --
-- Claim the oldest due messages and lists; they become due again after the visibility time unless acknowledged.
-- A materialized CTE picks the rows: a plan may run a subquery twice, which would apply its LIMIT twice.
WITH due AS MATERIALIZED (
  SELECT id FROM bus_messages
  WHERE topic = %(topic)s AND due_at NOT BETWEEN now() AND now() + interval '1 hour'
  ORDER BY id LIMIT %(limit)s FOR UPDATE SKIP LOCKED
),
lists AS MATERIALIZED (
  SELECT id FROM bus_messages
  WHERE topic = %(topic)s || %(suffix)s AND due_at NOT BETWEEN now() AND now() + interval '1 hour'
  ORDER BY id LIMIT %(lists)s FOR UPDATE SKIP LOCKED
)
UPDATE bus_messages m SET due_at = now() + %(visibility)s * interval '1 second'
FROM (SELECT id FROM due UNION ALL SELECT id FROM lists) k WHERE m.id = k.id
RETURNING m.id, m.topic, m.body

-- ack --
-- Remove processed messages.
DELETE FROM bus_messages WHERE id = ANY(%(ids)s)

-- release --
-- Make claimed messages due again.
UPDATE bus_messages SET due_at = now() WHERE id = ANY(%(ids)s)

-- lag --
-- Count the due messages of a topic. The first two bytes of a list are the number of its messages.
-- `substr` decompresses no more than these.
SELECT coalesce(sum(CASE WHEN topic = %(topic)s THEN 1
  ELSE 256 * get_byte(substr(body, 1, 2), 0) + get_byte(substr(body, 1, 2), 1) END), 0)::bigint AS waiting
FROM bus_messages
WHERE topic IN (%(topic)s, %(topic)s || %(suffix)s) AND due_at NOT BETWEEN now() AND now() + interval '1 hour'

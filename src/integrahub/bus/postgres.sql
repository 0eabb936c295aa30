-- publish --
-- Insert messages and notify the listeners of their topics.
WITH sent AS (
  INSERT INTO bus_messages (topic, body)
  SELECT topic, body FROM unnest(%(topics)s::text[], %(bodies)b::bytea[]) AS k (topic, body)
)
SELECT pg_notify('integrahub_bus', topic) FROM (SELECT DISTINCT unnest(%(topics)s::text[]) AS topic) AS topics

-- receive --
-- Claim the oldest due messages; they become due again after the visibility time unless acknowledged.
-- A materialized CTE picks the rows: a plan may run a subquery twice, which would apply its LIMIT twice.
WITH due AS MATERIALIZED (
  SELECT id FROM bus_messages
  WHERE topic = %(topic)s AND due_at NOT BETWEEN now() AND now() + interval '1 hour'
  ORDER BY id LIMIT %(limit)s FOR UPDATE SKIP LOCKED
)
UPDATE bus_messages m SET due_at = now() + %(visibility)s * interval '1 second'
FROM due WHERE m.id = due.id
RETURNING m.id, m.body

-- ack --
-- Remove processed messages.
DELETE FROM bus_messages WHERE id = ANY(%(ids)s)

-- lag --
-- Count the due messages of a topic.
SELECT count(*) AS waiting FROM bus_messages WHERE topic = %(topic)s AND due_at NOT BETWEEN now() AND now() + interval '1 hour'

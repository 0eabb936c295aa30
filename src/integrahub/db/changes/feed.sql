-- ended_turn --
-- The last number before which every batch has ended: what those batches wrote is complete and never written again. Also
-- the batch of that number, and the one that now has the number of a cursor.
SELECT e.ended, (SELECT b.id FROM batches b WHERE b.pharmacy_id = e.pharmacy_id AND b.received_seq = e.ended) AS batch_id,
  (SELECT b.id FROM batches b WHERE b.pharmacy_id = e.pharmacy_id AND b.received_seq = %(seq)s) AS cursor_batch_id
FROM (SELECT t.pharmacy_id,
    coalesce((SELECT min(b.received_seq) - 1 FROM batches b WHERE b.pharmacy_id = t.pharmacy_id AND b.finished_at IS NULL),
      t.last_seq) AS ended
  FROM pharmacy_turns t WHERE t.pharmacy_id = %(pharmacy_id)s) e

-- catalogue --
-- Read products in the order of their ids, with the time and batch of their last change.
SELECT p.*, CASE WHEN p.is_active THEN greatest(p.updated_at, f.full_seen_at) ELSE p.last_seen_at END AS seen_at
FROM products p JOIN pharmacies f ON f.id = p.pharmacy_id
WHERE p.pharmacy_id = %(pharmacy_id)s AND p.product_id > %(after)s ORDER BY p.product_id LIMIT %(limit)s

-- changes --
-- Read changes of ended turns after a position. The day before the feed begins is a margin for clocks; the condition
-- leaves out the partitions of older days.
SELECT seq, product_id, kind, at, batch_id FROM product_changes
WHERE pharmacy_id = %(pharmacy_id)s AND (seq, product_id) > (%(seq)s, %(product_id)s) AND seq <= %(ended)s
  AND at >= now() - make_interval(days => %(days)s + 1)
ORDER BY seq, product_id LIMIT %(limit)s

-- products --
-- Read products as they are now.
SELECT p.*, CASE WHEN p.is_active THEN greatest(p.updated_at, f.full_seen_at) ELSE p.last_seen_at END AS seen_at
FROM products p JOIN pharmacies f ON f.id = p.pharmacy_id
WHERE p.pharmacy_id = %(pharmacy_id)s AND p.product_id = ANY(%(ids)s::bigint[])

-- turn_age --
-- The earliest moment at which batches of these numbers were received or became final: all changes of their turns came
-- later. Clocks may be behind, so it is not always that of the first batch. And whether the feed reaches back that far.
SELECT first_moment, first_moment >= now() - make_interval(days => %(days)s) AS in_feed,
  first_moment < now() - interval '1 day' AS is_old
FROM (SELECT min(least(received_at, finished_at)) AS first_moment FROM batches
  WHERE pharmacy_id = %(pharmacy_id)s AND received_seq BETWEEN %(first)s AND %(last)s
  HAVING bool_or(received_seq = %(first)s)) b

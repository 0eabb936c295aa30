-- chunks_due --
-- Final batches whose chunks are old enough to go, with the objects these are; a dead chunk's copy lives elsewhere.
SELECT b.id, array_remove(array_agg(c.location), NULL) AS locations
FROM (SELECT id FROM batches
      WHERE chunks_removed_at IS NULL AND finished_at < now() - make_interval(days => %(days)s)
      ORDER BY finished_at LIMIT %(limit)s) b
LEFT JOIN batch_chunks c ON c.batch_id = b.id AND c.body_start IS NULL AND c.location LIKE 'chunks/%%'
GROUP BY b.id

-- chunks_removed --
-- Their objects are gone.
UPDATE batches SET chunks_removed_at = now() WHERE id = ANY(%(ids)s)

-- bodies_due --
-- Final batches whose bodies are old enough to go, unless a replay of the pharmacy may just be reading them.
SELECT b.id, b.location FROM batches b
WHERE b.body_removed_at IS NULL AND b.finished_at < now() - make_interval(days => %(days)s)
  AND NOT EXISTS (
    SELECT FROM batches r WHERE r.pharmacy_id = b.pharmacy_id AND r.finished_at IS NULL AND r.kind = 'replay')
ORDER BY b.finished_at LIMIT %(limit)s

-- bodies_removed --
-- Their objects are gone, and what rode in the row with them.
UPDATE batches SET body = NULL, location = NULL, body_removed_at = now() WHERE id = ANY(%(ids)s)

-- letters_due --
-- Dead letters settled long ago whose copies are still kept.
SELECT id, location FROM dead_letters
WHERE settled_at < now() - make_interval(days => %(days)s) AND location IS NOT NULL
ORDER BY id LIMIT %(limit)s

-- letters_removed --
-- Their copies are gone.
UPDATE dead_letters SET location = NULL WHERE id = ANY(%(ids)s)

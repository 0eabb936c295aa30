-- insert_missing --
-- Insert rows for new subjects.
INSERT INTO rate_windows (subject) SELECT unnest(%(subjects)s::text[]) ON CONFLICT (subject) DO NOTHING

-- hit --
-- Count the hits of each subject as far as its quota allows. The quota covers a sliding window: the hits in the current
-- window, plus the hits in the previous one, weighted by the share of it that still counts. Refused hits are not counted.
WITH asked AS (
    SELECT a.*, floor(e.now / a.seconds)::bigint AS window, e.now / a.seconds - floor(e.now / a.seconds) AS elapsed
    FROM unnest(%(subjects)s::text[], %(wanted)s::integer[], %(quotas)s::integer[], %(seconds)s::integer[])
      AS a (subject, wanted, quota, seconds), (SELECT extract(epoch FROM clock_timestamp()) AS now) e),
  held AS MATERIALIZED (
    SELECT a.*, CASE WHEN r.number = a.window THEN r.taken ELSE 0 END AS taken,
      CASE WHEN r.number = a.window THEN r.before WHEN r.number = a.window - 1 THEN r.taken ELSE 0 END AS before
    FROM asked a JOIN rate_windows r ON r.subject = a.subject ORDER BY r.subject FOR UPDATE OF r),
  judged AS (
    SELECT *, least(wanted, greatest(0, floor(quota - taken - before * (1 - elapsed))))::integer AS granted FROM held)
UPDATE rate_windows r SET number = j.window, taken = j.taken + j.granted, before = j.before, touched_at = now()
FROM judged j WHERE r.subject = j.subject
RETURNING r.subject, j.granted, r.taken, r.before, j.elapsed::float8 AS elapsed

-- refund --
-- Take back one hit of each subject.
WITH held AS MATERIALIZED (
  SELECT subject FROM rate_windows WHERE subject = ANY (%(subjects)s) ORDER BY subject FOR UPDATE)
UPDATE rate_windows r SET taken = greatest(0, taken - 1) FROM held h WHERE r.subject = h.subject

-- prune --
-- Delete subjects without a hit for an hour, which is longer than any window.
DELETE FROM rate_windows WHERE touched_at < now() - interval '1 hour'

-- by_minute --
-- Figures of the hub over the last %(span)s seconds before a time, in buckets of %(step)s seconds, from its minutes.
SELECT date_bin(make_interval(secs => %(step)s), at, 'epoch') AS at, sum(seconds) AS seconds, sum(posts)::bigint AS posts,
  sum(inserted)::bigint AS inserted, sum(updated)::bigint AS updated, sum(unchanged)::bigint AS unchanged,
  sum(merged)::bigint AS merged, sum(rejected)::bigint AS rejected, sum(superseded)::bigint AS superseded,
  sum(deactivated)::bigint AS deactivated, sum(completed)::bigint AS completed, sum(partial_fail)::bigint AS partial_fail,
  sum(failed)::bigint AS failed, sum(cancelled)::bigint AS cancelled, max(backlog) AS backlog, max(workers) AS workers,
  max(apis) AS apis, max((inserted + updated + unchanged + merged + rejected + superseded) / greatest(1, seconds)) AS peak
FROM figure_minutes
WHERE at > coalesce(%(until)s::timestamptz, now()) - make_interval(secs => %(span)s) AND at <= coalesce(%(until)s::timestamptz, now())
GROUP BY 1 ORDER BY 1

-- by_hour --
-- The same from its hours.
SELECT date_bin(make_interval(secs => %(step)s), at, 'epoch') AS at, sum(seconds) AS seconds, sum(posts)::bigint AS posts,
  sum(inserted)::bigint AS inserted, sum(updated)::bigint AS updated, sum(unchanged)::bigint AS unchanged,
  sum(merged)::bigint AS merged, sum(rejected)::bigint AS rejected, sum(superseded)::bigint AS superseded,
  sum(deactivated)::bigint AS deactivated, sum(completed)::bigint AS completed, sum(partial_fail)::bigint AS partial_fail,
  sum(failed)::bigint AS failed, sum(cancelled)::bigint AS cancelled, max(backlog) AS backlog, max(workers) AS workers,
  max(apis) AS apis, max((inserted + updated + unchanged + merged + rejected + superseded) / greatest(1, seconds)) AS peak
FROM figure_hours
WHERE at > coalesce(%(until)s::timestamptz, now()) - make_interval(secs => %(span)s) AND at <= coalesce(%(until)s::timestamptz, now())
GROUP BY 1 ORDER BY 1

-- pharmacy_days --
-- Catalogue size and loads of a pharmacy, oldest day first.
SELECT day, active, batches, failed, records, rejected FROM pharmacy_days
WHERE pharmacy_id = %(pharmacy_id)s AND day > (now() AT TIME ZONE 'UTC')::date - %(days)s ORDER BY day

-- pharmacy_sizes --
-- Active products of some pharmacies by day, oldest day first.
SELECT pharmacy_id, array_agg(active ORDER BY day) AS sizes FROM pharmacy_days
WHERE pharmacy_id = ANY(%(pharmacy_ids)s) AND day > (now() AT TIME ZONE 'UTC')::date - %(days)s AND active IS NOT NULL
GROUP BY pharmacy_id

-- rhythm --
-- How often a pharmacy posts.
SELECT posts, last_at, usual_gap, longest_gap FROM pharmacy_rhythms WHERE pharmacy_id = %(pharmacy_id)s

-- cause_hours --
-- Open dead letters of a cause over the last hours.
SELECT hour, open FROM failure_hours
WHERE fingerprint = %(fingerprint)s AND hour > now() - make_interval(hours => %(hours)s) ORDER BY hour

-- refusals_of_pharmacy --
-- Refused posts that name a CNPJ, or whose key is one of these, the latest first.
SELECT max(cnpj) AS cnpj, key_name, code, address, sum(count)::bigint AS count, min(hour) AS first_at, max(last_at) AS last_at
FROM (SELECT * FROM refusals WHERE cnpj = %(cnpj)s AND cnpj <> '' AND hour > now() - make_interval(hours => %(hours)s)
  UNION SELECT * FROM refusals
  WHERE key_name = ANY(%(key_names)s) AND key_name <> '' AND cnpj IN ('', %(cnpj)s)
    AND hour > now() - make_interval(hours => %(hours)s)) r
GROUP BY key_name, code, address ORDER BY max(last_at) DESC LIMIT %(limit)s

-- unknown_fields --
-- Unknown fields of a pharmacy, the latest found first.
SELECT field, records, first_seen_at, last_seen_at FROM unknown_fields WHERE pharmacy_id = %(pharmacy_id)s
ORDER BY first_seen_at DESC, field

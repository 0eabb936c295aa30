-- make_ahead --
-- Make the missing partitions of the record of changes, today's and those of the coming days.
SELECT make_change_partitions(%(days)s)

-- drop_expired --
-- Drop the oldest partition that is older than the days given for its kind of changes.
SELECT drop_change_partition(%(history_days)s, %(stock_history_days)s)

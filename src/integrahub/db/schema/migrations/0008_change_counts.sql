-- expand
-- What the changes of a batch add up to, kept at the first read of its changes. comments.sql describes the column.

ALTER TABLE batches ADD COLUMN change_counts jsonb;

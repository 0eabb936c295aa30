-- expand
-- How many bytes the object of a body takes: frames of zstd are smaller than the text that `bytes` counts.
-- comments.sql describes the column.

ALTER TABLE batches ADD COLUMN stored_bytes bigint;

-- expand
-- The time zone a batch's records are read in: the pharmacy's when the batch was split, whatever it is changed to later.

ALTER TABLE batches ADD COLUMN read_zone text;

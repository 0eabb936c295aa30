-- expand
-- Chunks all of whose records are rejected: those of a product repeated beyond measure.

ALTER TABLE batch_chunks ADD COLUMN rejection text;   -- the code of why

-- expand
-- Chunks as slices of their body, and whether a pharmacy has products: its first load needs no look at what there is.

ALTER TABLE batch_chunks
  ADD COLUMN body_start bigint,                -- in the decoded body; NULL: an object of its own
  ADD COLUMN body_bytes integer,
  ADD COLUMN first_position bigint;            -- of the first record in the body

ALTER TABLE pharmacies ADD COLUMN has_products boolean NOT NULL DEFAULT false;
UPDATE pharmacies p SET has_products = EXISTS (SELECT FROM products WHERE pharmacy_id = p.id);

-- expand
-- The record of changes: one narrow row per product that a batch changed, in partitions by day that retention makes and drops.
-- Its rows are written by the statements that write `products`. comments.sql describes the columns.

CREATE TABLE product_changes (
  pharmacy_id bigint NOT NULL,
  seq bigint NOT NULL,
  product_id bigint NOT NULL,
  at timestamptz NOT NULL DEFAULT now(),
  batch_id uuid NOT NULL,
  kind text NOT NULL CHECK (kind IN ('inserted', 'updated', 'deactivated', 'reactivated', 'reset')),
  stock_only boolean NOT NULL DEFAULT false,
  fields jsonb
) PARTITION BY LIST (stock_only);

-- Two indexes serve all readers. A batch has one number in its pharmacy, so the second also finds the changes of a batch.
CREATE INDEX product_changes_by_product ON product_changes (pharmacy_id, product_id, seq);
CREATE INDEX product_changes_by_seq ON product_changes (pharmacy_id, seq, product_id);

-- Changes of stock alone are many and soon worthless, so they have partitions of their own.
CREATE TABLE product_changes_main PARTITION OF product_changes FOR VALUES IN (false) PARTITION BY RANGE (at);
CREATE TABLE product_changes_stock PARTITION OF product_changes FOR VALUES IN (true) PARTITION BY RANGE (at);

-- Rows go here only if no partition of their day was made.
CREATE TABLE product_changes_main_default PARTITION OF product_changes_main DEFAULT;
CREATE TABLE product_changes_stock_default PARTITION OF product_changes_stock DEFAULT;

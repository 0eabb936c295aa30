-- expand
-- How many products of a pharmacy are active is all less the inactive ones: both counted from indexes alone.

CREATE INDEX products_inactive ON products (pharmacy_id) WHERE NOT is_active;

-- expand
-- Indexes of the console's lists and of its search over all pharmacies.

CREATE INDEX batches_received ON batches (received_at, id);
CREATE INDEX batches_error ON batches (error_code, received_at) WHERE error_code IS NOT NULL;

-- Pharmacies share bar codes, so an entry holds many products.
CREATE INDEX products_ean ON products (ean) WHERE ean <> '';

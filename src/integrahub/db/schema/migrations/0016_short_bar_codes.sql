-- expand
-- concurrently
-- A bar code may be any text, and an entry of an index holds 2704 bytes at most. Longer codes are found by no search.

-- squawk-ignore ban-concurrent-index-creation-in-transaction
CREATE INDEX CONCURRENTLY IF NOT EXISTS products_short_ean ON products (ean) WHERE ean <> '' AND octet_length(ean) <= 64;

-- squawk-ignore ban-concurrent-index-creation-in-transaction
DROP INDEX CONCURRENTLY IF EXISTS products_ean;

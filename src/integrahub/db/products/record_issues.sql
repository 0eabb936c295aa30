-- copy --
-- Copy issues of records.
COPY record_issues (batch_id, chunk, position, byte_offset, severity, product_id, field, code, value, ean, key) FROM STDIN

-- copy --
-- What a client should know of single records.
COPY record_issues (batch_id, chunk, position, byte_offset, severity, product_id, field, code, value) FROM STDIN

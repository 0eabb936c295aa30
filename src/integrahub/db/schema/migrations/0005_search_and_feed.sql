-- expand
-- Search of products without folding their texts at each read, and the record behind a change. comments.sql describes
-- the columns.

-- Not marked STABLE, as unaccent is: a generated column needs IMMUTABLE, and the dictionary is part of the extension.
CREATE FUNCTION fold_text(value text) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
  RETURN upper(unaccent('unaccent'::regdictionary, value));

-- Most texts of ERPs are ASCII, for which `upper` alone is enough and costs a third.
ALTER TABLE products ADD COLUMN search_text text GENERATED ALWAYS AS (
  CASE WHEN octet_length(title) + octet_length(description) = char_length(title) + char_length(description)
    THEN upper(title || chr(1) || description) ELSE fold_text(title || chr(1) || description) END) STORED;

ALTER TABLE batch_chunks ADD COLUMN positions bigint[];
ALTER TABLE batch_chunks ALTER COLUMN positions SET STORAGE EXTERNAL;

-- estimate_rows --
-- PostgreSQL's estimate of the rows of a table, or of the table of an index; no row: there is none, or no estimate.
SELECT sum(greatest(c.reltuples, 0))::bigint FROM pg_class c
WHERE c.oid = coalesce((SELECT i.indrelid FROM pg_index i WHERE i.indexrelid = to_regclass(%(name)s)), to_regclass(%(name)s))
  OR c.oid IN (SELECT inhrelid FROM pg_inherits WHERE inhparent = to_regclass(%(name)s))
HAVING sum(greatest(c.reltuples, 0)) > 0

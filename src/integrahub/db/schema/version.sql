-- known --
-- Whether the hub's table of migrations exists; other tools use the same name.
SELECT (SELECT count(*) FROM pg_attribute WHERE attrelid = to_regclass('public.schema_migrations')
  AND attname IN ('name', 'applied_at') AND NOT attisdropped) = 2 AS is_ours;

-- foreign_tables --
-- Tables that belong neither to PostgreSQL nor to an extension; read only while the hub has none of its own.
SELECT n.nspname || '.' || c.relname AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'f') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
ORDER BY 1 LIMIT 4;

-- applied --
-- Read through JSON: in the table of a pre-release, columns are missing.
SELECT to_jsonb(m) ->> 'name' AS name, to_jsonb(m) ->> 'kind' AS kind, to_jsonb(m) ->> 'checksum' AS checksum
FROM schema_migrations m;

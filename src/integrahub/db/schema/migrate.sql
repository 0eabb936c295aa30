-- record --
INSERT INTO schema_migrations (name, kind) VALUES (%(name)s, %(kind)s);

-- set_kind --
UPDATE schema_migrations SET kind = %(kind)s WHERE name = %(name)s AND kind IS NULL;

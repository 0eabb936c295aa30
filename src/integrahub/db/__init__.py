"""PostgreSQL: the connection pool, the schema, and one folder of queries per group of tables."""

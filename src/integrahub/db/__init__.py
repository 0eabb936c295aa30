"""PostgreSQL: the pool, the schema and one file of row operations per table."""

-- count_roles --
-- How many of these roles exist.
SELECT count(*) FROM pg_roles WHERE rolname = ANY(%(names)s)

-- expand
-- What each process knows of the schema, so that a contract step waits for the last process that still needs what it removes.
-- comments.sql describes the columns.

ALTER TABLE workers ADD COLUMN version text, ADD COLUMN knows text, ADD COLUMN version_id uuid;

-- expand
-- What each migration did to older versions of the hub: `expand` lets them work on, `contract` does not.

ALTER TABLE schema_migrations ADD COLUMN kind text CHECK (kind IN ('expand', 'contract'));

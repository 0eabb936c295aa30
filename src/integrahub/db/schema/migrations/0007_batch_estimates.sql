-- expand
-- What reports show of a record, besides its position: the EAN, and the key as the client spelled it.

ALTER TABLE record_issues ADD COLUMN ean text NOT NULL DEFAULT '', ADD COLUMN key text NOT NULL DEFAULT '';

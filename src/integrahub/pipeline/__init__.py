"""Pipeline steps: ingest, split, upsert, finish, failures."""

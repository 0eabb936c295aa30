"""Schema: migrations and the version that this release expects."""

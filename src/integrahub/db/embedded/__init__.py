"""Embedded PostgreSQL server: binaries, configuration, start and stop."""

"""Ingest step: accept a body, store it and commit its batch."""

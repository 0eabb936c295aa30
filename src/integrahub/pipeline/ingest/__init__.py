"""Ingest: accept a body, store it and record the batch."""

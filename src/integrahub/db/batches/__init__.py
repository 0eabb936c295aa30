"""Batches in PostgreSQL: acceptance, turns, splits, ends, replays, reports and retention."""

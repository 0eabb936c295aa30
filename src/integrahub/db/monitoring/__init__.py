"""Reads and writes for monitoring: backlog, statistics, reconciliation, workers."""

"""Benchmarks: the hub and its peers in the same run, on the same PostgreSQL."""

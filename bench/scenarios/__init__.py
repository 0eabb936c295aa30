"""Scenarios of the benchmark: one per file; each yields lines of the table."""

"""Peers of the hub: each does the same work in its own way, on the same PostgreSQL."""

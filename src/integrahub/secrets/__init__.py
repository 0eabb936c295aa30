"""Secrets outside the environment: secret stores, and the hub's own secret files."""

"""Metrics of the hub."""

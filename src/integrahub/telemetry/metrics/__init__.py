"""Definitions of all metrics, grouped by what they measure."""

"""Supervisor of `integrahub up`: start, probe, scale, restart and drain processes."""

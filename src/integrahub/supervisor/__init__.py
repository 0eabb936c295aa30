"""Supervisor of `integrahub up` and `fleet`: start, probe, scale, restart and drain processes."""

"""Logs, metrics, traces and probes of every process."""

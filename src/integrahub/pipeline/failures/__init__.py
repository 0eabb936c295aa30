"""Failures: group dead letters by cause, store dead messages."""

"""Failures: group failures and store dead letters."""

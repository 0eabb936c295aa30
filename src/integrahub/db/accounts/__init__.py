"""Pharmacies, API keys, audit log and rate limits."""

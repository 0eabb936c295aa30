"""Tables of pharmacies, API keys, audit entries and rate limits."""

"""Resilience patterns: breakers, bulkheads, retries, rate limits, timeouts, leases, batching and caching."""

"""Resilience patterns: circuit breakers, retries, rate limits, bulkheads, micro-batching."""

"""Authentication: from an API key to its caller, and what the caller may do."""

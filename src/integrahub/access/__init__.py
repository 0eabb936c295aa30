"""Rules that the API and the console share: rate limits and blocked look-ups."""

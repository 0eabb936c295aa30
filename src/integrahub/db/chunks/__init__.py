"""Tables of chunks and dead letters."""

"""Tables of workers and statistics."""

"""Contract of the HTTP API with its clients: what they depend on, kept in a file, and what breaks them."""

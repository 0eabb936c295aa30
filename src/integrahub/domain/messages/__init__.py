"""Messages of the hub in Portuguese and English, by code."""

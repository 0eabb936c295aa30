"""People who use the console."""

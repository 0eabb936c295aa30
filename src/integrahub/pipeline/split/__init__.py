"""Split step: read a stored body and cut its records into chunks."""

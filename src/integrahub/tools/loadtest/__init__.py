"""Load tests: post generated catalogues and account for every record."""

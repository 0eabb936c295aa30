"""Mutation tests: each removes one guard in a copy of the tree; a test of its list must fail."""

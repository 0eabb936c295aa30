"""Chunks: their format, building and index."""

"""Upsert: apply chunks to the products table."""

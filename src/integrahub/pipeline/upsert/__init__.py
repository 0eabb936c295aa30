"""Upsert: apply chunks to the table `products`."""

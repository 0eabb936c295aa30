"""Reads of the record of changes: history of a product, feed, changes of a batch."""

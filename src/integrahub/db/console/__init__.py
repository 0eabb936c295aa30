"""Reads of the console's pages: bounded, by index, each within the limits of the read pool."""

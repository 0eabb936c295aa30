"""Reads that only the console needs: bounded, by index, each within the limits of the read pool."""

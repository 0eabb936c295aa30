"""Finish: add up a batch and give it its final status."""

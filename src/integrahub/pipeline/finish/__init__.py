"""Finish step: make a batch final once all its chunks are settled."""

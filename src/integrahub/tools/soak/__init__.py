"""Soak test: a mixed load for hours, while parts of the hub fail by a plan that a seed repeats."""

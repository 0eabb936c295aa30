"""Checks of `integrahub doctor`."""

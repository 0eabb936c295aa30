"""Checks that `integrahub doctor` makes."""

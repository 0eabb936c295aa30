"""Reads of the console on a real hub."""

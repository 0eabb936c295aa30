"""Dialect of InovaFarma."""

"""Parsing of bodies into raw records."""

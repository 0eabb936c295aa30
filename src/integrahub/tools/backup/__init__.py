"""Backup of an embedded hub, and its restoration in another folder."""

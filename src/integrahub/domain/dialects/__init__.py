"""Dialects: what the hub knows of each ERP's records."""

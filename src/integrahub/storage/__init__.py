"""Storage of bodies and chunks: its port and its adapters."""

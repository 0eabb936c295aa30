"""The message bus: its port and its adapters."""

"""Where bodies and chunks rest: the port and its adapters."""

"""How steps hear of work: the port and its adapters."""

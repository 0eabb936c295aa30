"""Where secrets are kept outside the environment: the port and its adapters."""

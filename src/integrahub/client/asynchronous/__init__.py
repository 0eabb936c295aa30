"""Asynchronous client. The synchronous one is generated from this folder by `make sync-client`."""

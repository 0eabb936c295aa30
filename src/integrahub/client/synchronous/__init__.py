"""Synchronous client, generated from the folder `asynchronous` by `make sync-client`. Change that one."""

"""ASGI middleware around every page of the console."""

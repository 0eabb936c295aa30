"""Composition root: build steps and operations from settings and adapters."""

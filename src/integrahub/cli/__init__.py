"""The command line: verbs, each a few lines."""

from integrahub.cli.app import main

__all__ = ["main"]

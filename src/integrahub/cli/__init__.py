"""Command line: one short function per verb."""

from integrahub.cli.app import main

__all__ = ["main"]

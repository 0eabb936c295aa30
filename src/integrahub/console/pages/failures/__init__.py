"""Failures: causes with their open dead letters, one cause, one letter, and replays."""

from integrahub.console.pages.failures.routes import build_router as build_router

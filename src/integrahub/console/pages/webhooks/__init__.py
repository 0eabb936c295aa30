"""Webhooks: endpoints of all owners and their deliveries."""

from integrahub.console.pages.webhooks.routes import build_router as build_router

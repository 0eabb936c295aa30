"""Pharmacies: the list, and one pharmacy with its freshness, keys, webhook and settings."""

from fastapi import APIRouter

from integrahub.console.context import ConsoleContext
from integrahub.console.pages.pharmacies import detail, keys, listing, settings, webhook


def build_router(console: ConsoleContext) -> APIRouter:
    """Return the routes of pharmacies."""
    router = APIRouter()
    pages = detail.PharmacyPages(console)
    listing.add_routes(router, console)
    detail.add_routes(router, pages)
    keys.add_routes(router, console, pages)
    settings.add_routes(router, console, pages)
    webhook.add_routes(router, console, pages)
    return router

"""Products: the search in a pharmacy, and one product with where it came from."""

from fastapi import APIRouter

from integrahub.console.context import ConsoleContext
from integrahub.console.pages.products import detail, listing, records


def build_router(console: ConsoleContext) -> APIRouter:
    """Return the routes of products."""
    router = APIRouter()
    listing.add_routes(router, console)
    records.add_routes(router, console)
    detail.add_routes(router, console)
    return router

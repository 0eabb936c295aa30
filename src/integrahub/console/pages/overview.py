"""Overview: the page that says whether everything is well."""

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from integrahub.console.access import require
from integrahub.console.context import ConsoleContext
from integrahub.console.navigation import ROOT
from integrahub.domain.people.roles import Role


class OverviewPages:
    """The page that answers the first question."""

    def __init__(self, console: ConsoleContext) -> None:
        self._console = console

    async def show(self, request: Request) -> Response:
        """Answer with the overview."""
        return self._console.page(request, "overview/overview.html")


def build_router(console: ConsoleContext) -> APIRouter:
    """Return the routes of the overview."""
    pages, router = OverviewPages(console), APIRouter()
    viewer = [Depends(require(Role.VIEWER))]
    router.add_api_route(ROOT, pages.show, methods=["GET"], dependencies=viewer, response_model=None)
    return router

"""Failures: causes with their open dead letters, one cause, one letter."""

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from integrahub.console.access import require
from integrahub.console.context import ConsoleContext
from integrahub.console.pages.failures import acts
from integrahub.console.pages.failures.acts import PATH
from integrahub.console.pages.failures.views import FailureReads
from integrahub.domain.people.roles import Role


class FailurePages:
    """Pages that show failures."""

    def __init__(self, console: ConsoleContext) -> None:
        self._reads = FailureReads(console)

    async def list_causes(self, request: Request) -> Response:
        """Answer with the causes that the filters of the query find."""
        return await self._reads.show_causes(request)

    async def show_cause(self, request: Request, fingerprint: str) -> Response:
        """Answer with one cause."""
        return await self._reads.show_cause(request, fingerprint)

    async def show_letter(self, request: Request, letter_id: int) -> Response:
        """Answer with one letter."""
        return await self._reads.show_letter(request, letter_id)


def build_router(console: ConsoleContext) -> APIRouter:
    """Return the routes of failures. Those of acts come first: a fingerprint may be any text."""
    pages, router = FailurePages(console), APIRouter()
    acts.add_routes(router, console)
    for path, endpoint in (
        (PATH, pages.list_causes),
        (f"{PATH}/dead-letters/{{letter_id}}", pages.show_letter),
        (f"{PATH}/{{fingerprint}}", pages.show_cause),
    ):
        viewer = Depends(require(Role.VIEWER))
        router.add_api_route(path, endpoint, methods=["GET"], dependencies=[viewer], response_model=None)
    return router

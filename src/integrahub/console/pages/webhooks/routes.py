"""Webhooks: endpoints of all owners, their deliveries, one delivery with its attempts."""

from uuid import UUID

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from integrahub.console.access import require
from integrahub.console.context import ConsoleContext
from integrahub.console.pages.webhooks import acts, addresses
from integrahub.console.pages.webhooks.acts import PATH
from integrahub.console.pages.webhooks.views import WebhookReads
from integrahub.domain.people.roles import Role


class WebhookPages:
    """Pages that show webhooks."""

    def __init__(self, console: ConsoleContext) -> None:
        self._reads = WebhookReads(console)

    async def list_endpoints(self, request: Request) -> Response:
        """Answer with the endpoints."""
        return await self._reads.show_endpoints(request)

    async def show_endpoint(self, request: Request, endpoint_id: UUID) -> Response:
        """Answer with one endpoint."""
        return await self._reads.show_endpoint(request, endpoint_id)

    async def list_deliveries(self, request: Request) -> Response:
        """Answer with the deliveries of all endpoints."""
        return await self._reads.show_deliveries(request)

    async def show_delivery(self, request: Request, delivery_id: UUID) -> Response:
        """Answer with one delivery."""
        return await self._reads.show_delivery(request, delivery_id)


def build_router(console: ConsoleContext) -> APIRouter:
    """Return the routes of webhooks."""
    pages, router = WebhookPages(console), APIRouter()
    acts.add_routes(router, console)
    addresses.add_routes(router, console)
    for path, endpoint in (
        (PATH, pages.list_endpoints),
        (f"{PATH}/deliveries", pages.list_deliveries),
        (f"{PATH}/deliveries/{{delivery_id:uuid}}", pages.show_delivery),
        (f"{PATH}/{{endpoint_id:uuid}}", pages.show_endpoint),
    ):
        viewer = Depends(require(Role.VIEWER))
        router.add_api_route(path, endpoint, methods=["GET"], dependencies=[viewer], response_model=None)
    return router

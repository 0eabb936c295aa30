"""Acts on webhooks: test an endpoint, enable it, send deliveries again."""

from datetime import timedelta
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from integrahub.access.audit import Audit
from integrahub.access.webhook_owners import WebhookOwners
from integrahub.access.webhooks import Webhooks
from integrahub.console.access import Person, require
from integrahub.console.acts import Done, mark_acted, perform, refuse
from integrahub.console.context import ConsoleContext
from integrahub.console.navigation import ROOT
from integrahub.console.pages.webhooks.views import REPLAY_DAYS
from integrahub.console.translations import N_
from integrahub.db.webhooks import deliveries
from integrahub.domain.errors import NotFound, Problem
from integrahub.domain.people.roles import Role
from integrahub.domain.webhooks.states import DeliveryState

PATH = f"{ROOT}/webhooks"
Operator = Annotated[Person, Depends(require(Role.OPERATOR))]


class WebhookActs:
    """Forms of acts on webhooks."""

    def __init__(self, console: ConsoleContext) -> None:
        self._console = console
        self._owners = WebhookOwners(console.database)
        self._webhooks = Webhooks(Audit(console.database), console.hub.webhook_rules())

    async def test(self, request: Request, endpoint_id: UUID, person: Operator) -> Response:
        """Send a test event to an endpoint, and show its delivery."""
        owner = await self._owners.find_by_endpoint(endpoint_id)
        try:
            delivery_id = await self._webhooks.test(person.caller, owner)
        except Problem as problem:
            return refuse(request, f"{PATH}/{endpoint_id}", problem)
        return mark_acted(request, RedirectResponse(f"{PATH}/deliveries/{delivery_id}", 303))

    async def enable(self, request: Request, endpoint_id: UUID, person: Operator) -> Response:
        """Enable an endpoint, send what it missed, and show it."""
        owner = await self._owners.find_by_endpoint(endpoint_id)

        async def act() -> Done:
            _, count = await self._webhooks.enable(person.caller, owner, None)
            return Done(N_("The address is active. Deliveries that are sent again: %(num)s."), {"num": count})

        return await perform(request, f"{PATH}/{endpoint_id}", act)

    async def replay_failed(self, request: Request, endpoint_id: UUID, person: Operator) -> Response:
        """Send the failed deliveries of an endpoint again, and show it."""
        owner = await self._owners.find_by_endpoint(endpoint_id)

        async def act() -> Done:
            since = self._console.clock() - timedelta(days=REPLAY_DAYS)
            count = await self._webhooks.replay_some(person.caller, owner, since, DeliveryState.FAILED)
            return Done(N_("Deliveries that are sent again: %(num)s."), {"num": count})

        return await perform(request, f"{PATH}/{endpoint_id}", act)

    async def replay(self, request: Request, delivery_id: UUID, person: Operator) -> Response:
        """Send a delivery again, and show it."""
        database = self._console.database
        delivery = await deliveries.find(database, delivery_id, None)
        if delivery is None:
            raise NotFound("delivery_not_found", delivery_id=delivery_id)

        async def act() -> Done:
            await self._webhooks.replay(person.caller, database, delivery)
            return Done(N_("The delivery is sent again."))

        return await perform(request, f"{PATH}/deliveries/{delivery_id}", act)


def add_routes(router: APIRouter, console: ConsoleContext) -> None:
    """Add the routes of acts."""
    acts = WebhookActs(console)
    routes = (
        ("/{endpoint_id:uuid}/test", acts.test),
        ("/{endpoint_id:uuid}/enable", acts.enable),
        ("/{endpoint_id:uuid}/replay", acts.replay_failed),
        ("/deliveries/{delivery_id:uuid}/replay", acts.replay),
    )
    for path, endpoint in routes:
        router.add_api_route(f"{PATH}{path}", endpoint, methods=["POST"], response_model=None)

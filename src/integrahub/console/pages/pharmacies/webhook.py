"""Webhook of a pharmacy: the acts of the webhook tab."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from integrahub.access.audit import Audit
from integrahub.access.webhook_owners import WebhookOwner, WebhookOwners
from integrahub.access.webhooks import Webhooks
from integrahub.console.access import Person, require
from integrahub.console.acts import Done, perform
from integrahub.console.context import ConsoleContext
from integrahub.console.pages.pharmacies.detail import PATH, PharmacyPages, tab_path
from integrahub.console.translations import N_
from integrahub.db.accounts.rows import Pharmacy
from integrahub.db.webhooks import deliveries, endpoints
from integrahub.domain.errors import NotFound
from integrahub.domain.people.roles import Role

Operator = Annotated[Person, Depends(require(Role.OPERATOR))]


class WebhookActs:
    """Test and enable the webhook of a pharmacy, and send a delivery again."""

    def __init__(self, console: ConsoleContext, pages: PharmacyPages) -> None:
        self._webhooks = Webhooks(Audit(console.database), console.hub.webhook_rules())
        self._owners = WebhookOwners(console.hub.database)
        self._pages = pages

    async def test(self, request: Request, cnpj: str, person: Operator) -> Response:
        """Send a test event."""

        async def act() -> Done:
            _, owner = await self._find(cnpj, person)
            await self._webhooks.test(person.caller, owner)
            return Done(N_("The test event is being sent; its delivery is in the list below."))

        return await perform(request, tab_path(cnpj, "webhook"), act)

    async def enable(self, request: Request, cnpj: str, person: Operator) -> Response:
        """Enable a suspended webhook, and send what it missed."""

        async def act() -> Done:
            _, owner = await self._find(cnpj, person)
            await self._webhooks.enable(person.caller, owner, None)
            return Done(N_("The webhook is enabled; what it missed is being sent."))

        return await perform(request, tab_path(cnpj, "webhook"), act)

    async def replay(self, request: Request, cnpj: str, delivery_id: UUID, person: Operator) -> Response:
        """Send a delivery of the pharmacy again."""

        async def act() -> Done:
            pharmacy, owner = await self._find(cnpj, person)
            ids = await endpoints.list_ids(owner.database, pharmacy_id=pharmacy.id, key_id=None)
            delivery = await deliveries.find(owner.database, delivery_id, ids)
            if delivery is None:
                raise NotFound("delivery_not_found", delivery_id=delivery_id)
            await self._webhooks.replay(person.caller, owner.database, delivery)
            return Done(N_("The delivery is being sent again."))

        return await perform(request, tab_path(cnpj, "webhook"), act)

    async def _find(self, cnpj: str, person: Person) -> tuple[Pharmacy, WebhookOwner]:
        pharmacy = await self._pages.find(cnpj)
        return pharmacy, await self._owners.find(person.caller, pharmacy.cnpj)


def add_routes(router: APIRouter, console: ConsoleContext, pages: PharmacyPages) -> None:
    """Add the routes of the acts."""
    acts = WebhookActs(console, pages)
    for path, act in (
        ("webhook/test", acts.test),
        ("webhook/enable", acts.enable),
        ("webhook/deliveries/{delivery_id}/replay", acts.replay),
    ):
        router.add_api_route(f"{PATH}/{path}", act, methods=["POST"], response_model=None)

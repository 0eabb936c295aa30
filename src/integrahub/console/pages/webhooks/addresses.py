"""Setting an address that receives events, by administrators: that of a pharmacy, and that of the operator."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from integrahub.access.audit import Audit
from integrahub.access.webhook_owners import WebhookOwner, WebhookOwners
from integrahub.access.webhooks import WebhookRequest, Webhooks
from integrahub.console.access import Person, require
from integrahub.console.acts import Done, mark_acted, perform, refuse
from integrahub.console.context import ConsoleContext
from integrahub.console.forms import read_form
from integrahub.console.navigation import ROOT
from integrahub.console.translations import N_
from integrahub.db.webhooks.rows import Endpoint
from integrahub.domain.errors import Problem
from integrahub.domain.people.roles import Role
from integrahub.domain.webhooks.events import OPERATOR_EVENTS, EventType

Admin = Annotated[Person, Depends(require(Role.ADMIN))]
_ACTION = "webhook.put"
_MAX_DESCRIPTION_LENGTH = 200


@dataclass(frozen=True, slots=True)
class EventChoice:
    """An event of the form, and whether the address receives it."""

    event: EventType
    is_on: bool


@dataclass(frozen=True, slots=True)
class NewSecret:
    """The secret of a new address, shown once, and the page of the address."""

    secret: str
    url: str
    back: str


def list_choices(endpoint: Endpoint | None, permitted: Sequence[EventType]) -> list[EventChoice]:
    """Return the events that the owner of an address may receive; a new address receives all."""
    return [EventChoice(event, endpoint is None or event in endpoint.events) for event in permitted]


class AddressActs:
    """Set addresses. The password is asked for again: a new address gets a secret."""

    def __init__(self, console: ConsoleContext) -> None:
        self._console = console
        self._owners = WebhookOwners(console.database)
        self._webhooks = Webhooks(Audit(console.database), console.hub.webhook_rules())

    async def put_of_pharmacy(self, request: Request, cnpj: str, person: Admin) -> Response:
        """Set the address of a pharmacy."""
        owner = await self._owners.find(person.caller, cnpj)
        return await self._put(request, person, owner, f"{ROOT}/pharmacies/{owner.name}?tab=webhook")

    async def put_of_operator(self, request: Request, person: Admin) -> Response:
        """Set the address of the operator."""
        return await self._put(request, person, await self._owners.find_operator(person.caller), f"{ROOT}/webhooks")

    async def _put(self, request: Request, person: Person, owner: WebhookOwner, back: str) -> Response:
        """Answer with the secret of a new address, which no cookie, log or URL holds; otherwise lead back."""
        form = await read_form(request)
        try:
            await self._console.accounts.confirm_for(person, form, _ACTION, owner.name)
            endpoint, secret = await self._webhooks.put(person.caller, owner, _read_request(form))
        except Problem as problem:
            return refuse(request, back, problem)
        if secret is None:
            return await perform(request, back, _say_saved)
        view = NewSecret(secret, endpoint.url, back)
        return mark_acted(request, self._console.page(request, "webhooks/secret.html", view))


async def _say_saved() -> Done:
    return Done(N_("The address is saved; its secret is the same as before."))


def _read_request(form: Mapping[str, str]) -> WebhookRequest:
    """Return the address of the form. Without any event it receives all that its owner may receive."""
    events = tuple(event for event in OPERATOR_EVENTS if form.get(f"event.{event}") == "on")
    description = form.get("description", "").replace("\0", "").strip()[:_MAX_DESCRIPTION_LENGTH]
    return WebhookRequest(form.get("url", "").strip(), events or None, description)


def add_routes(router: APIRouter, console: ConsoleContext) -> None:
    """Add the routes of both acts."""
    acts = AddressActs(console)
    for path, act in (
        (f"{ROOT}/pharmacies/{{cnpj}}/webhook", acts.put_of_pharmacy),
        (f"{ROOT}/webhooks/operator", acts.put_of_operator),
    ):
        router.add_api_route(path, act, methods=["POST"], response_model=None)

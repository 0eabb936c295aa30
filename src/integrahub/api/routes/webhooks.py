"""Routes of webhook endpoints: /v1/webhook for pharmacies and vendors, /admin/webhook for the operator."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from starlette.responses import Response

from integrahub.access.webhook_owners import WebhookOwner, WebhookOwners
from integrahub.access.webhooks import WebhookRequest, Webhooks
from integrahub.api.auth.authentication import ApiKeyAuthenticator
from integrahub.api.auth.guarded_route import AuthenticatedRouter
from integrahub.api.cnpj import ParseCnpj, read_cnpj
from integrahub.api.models.webhooks import (
    DeletedWebhook,
    EnabledWebhook,
    QueuedDelivery,
    ReplayedDeliveries,
    WebhookAnswer,
    WebhookEnabling,
    WebhookReplay,
    WebhookRotation,
    WebhookSettings,
    WebhookWithSecret,
)
from integrahub.db.webhooks.rows import Endpoint
from integrahub.domain.api_keys import Caller, Scope

Cnpj = Annotated[
    str | None, Query(description="for a key of several pharmacies: the address for this one; else for all of them")
]


class WebhookRoutes:
    """Answer the routes of endpoints, for any owner."""

    def __init__(self, webhooks: Webhooks, owners: WebhookOwners, parse: ParseCnpj) -> None:
        self._webhooks = webhooks
        self._owners = owners
        self._parse = parse

    async def owner(self, caller: Caller, cnpj: str | None) -> WebhookOwner:
        """Return the owner that a client or operator acts for."""
        return await self._owners.find(caller, read_cnpj(cnpj, self._parse) if cnpj else None)

    async def operator(self, caller: Caller) -> WebhookOwner:
        """Return the operator as owner."""
        return await self._owners.find_operator(caller)

    async def show(self, owner: WebhookOwner) -> WebhookAnswer:
        """Return the endpoint of an owner."""
        return WebhookAnswer.model_validate(await self._webhooks.show(owner))

    async def put(self, caller: Caller, owner: WebhookOwner, wanted: WebhookSettings) -> WebhookWithSecret:
        """Set the endpoint of an owner."""
        events = None if wanted.events is None else tuple(wanted.events)
        request = WebhookRequest(wanted.url, events, wanted.description)
        return _with_secret(*await self._webhooks.put(caller, owner, request))

    async def delete(self, caller: Caller, owner: WebhookOwner) -> DeletedWebhook:
        """Delete the endpoint of an owner."""
        return DeletedWebhook(id=await self._webhooks.delete(caller, owner))

    async def rotate(self, caller: Caller, owner: WebhookOwner, wanted: WebhookRotation | None) -> WebhookWithSecret:
        """Give an endpoint a new secret."""
        hours = (wanted or WebhookRotation()).old_ends_in_hours
        return _with_secret(*await self._webhooks.rotate(caller, owner, hours))

    async def enable(self, caller: Caller, owner: WebhookOwner, wanted: WebhookEnabling | None) -> EnabledWebhook:
        """Enable an endpoint and send what it missed."""
        endpoint, count = await self._webhooks.enable(caller, owner, wanted.since if wanted else None)
        return EnabledWebhook.model_validate(_members(endpoint) | {"replayed": count})

    async def test(self, caller: Caller, owner: WebhookOwner, response: Response) -> QueuedDelivery:
        """Send a test event to an endpoint."""
        return queued(await self._webhooks.test(caller, owner), response)

    async def replay(self, caller: Caller, owner: WebhookOwner, wanted: WebhookReplay) -> ReplayedDeliveries:
        """Send deliveries of an endpoint again."""
        count = await self._webhooks.replay_some(caller, owner, wanted.since, wanted.state)
        return ReplayedDeliveries(replayed=count)


def queued(delivery_id: UUID, response: Response) -> QueuedDelivery:
    """Answer that a delivery will be sent, and where to read its outcome."""
    response.headers["Location"] = f"/v1/webhook/deliveries/{delivery_id}"
    return QueuedDelivery(delivery_id=delivery_id)


def _with_secret(endpoint: Endpoint, secret: str | None) -> WebhookWithSecret:
    return WebhookWithSecret.model_validate(_members(endpoint) | {"secret": secret})


def _members(endpoint: Endpoint) -> dict[str, object]:
    return dict(WebhookAnswer.model_validate(endpoint))


def router(webhooks: WebhookRoutes, authenticator: ApiKeyAuthenticator) -> APIRouter:
    """Return the routes. Reads require the scope `read`, changes `ingest`; operators may test, enable and replay."""
    routes = AuthenticatedRouter(tags=["webhooks"])
    Reader = Annotated[Caller, Depends(authenticator.require(Scope.READ))]

    @routes.get("/v1/webhook", summary="The address that receives your events")
    async def show(caller: Reader, cnpj: Cnpj = None) -> WebhookAnswer:
        return await webhooks.show(await webhooks.owner(caller, cnpj))

    for add in (_add_changes, _add_orders, _add_operators_routes, _add_operators_orders):
        add(routes, webhooks, authenticator)
    return routes


def _add_changes(routes: APIRouter, webhooks: WebhookRoutes, authenticator: ApiKeyAuthenticator) -> None:
    Owner = Annotated[Caller, Depends(authenticator.require(Scope.INGEST, audited=True))]

    @routes.put("/v1/webhook", summary="Set the address that receives your events; a new one gets its secret")
    async def put(wanted: WebhookSettings, caller: Owner, cnpj: Cnpj = None) -> WebhookWithSecret:
        return await webhooks.put(caller, await webhooks.owner(caller, cnpj), wanted)

    @routes.delete("/v1/webhook", summary="Delete the address; what was not yet sent fails")
    async def delete(caller: Owner, cnpj: Cnpj = None) -> DeletedWebhook:
        return await webhooks.delete(caller, await webhooks.owner(caller, cnpj))

    @routes.post("/v1/webhook/rotate", summary="Get a new secret; the old one also signs for some hours")
    async def rotate(caller: Owner, wanted: WebhookRotation | None = None, cnpj: Cnpj = None) -> WebhookWithSecret:
        return await webhooks.rotate(caller, await webhooks.owner(caller, cnpj), wanted)


def _add_orders(routes: APIRouter, webhooks: WebhookRoutes, authenticator: ApiKeyAuthenticator) -> None:
    check = authenticator.require(Scope.INGEST, Scope.OPERATOR, audited=True)
    Ordering = Annotated[Caller, Depends(check)]

    @routes.post("/v1/webhook/test", summary="Send the event `webhook.test` to the address", status_code=202)
    async def test(caller: Ordering, response: Response, cnpj: Cnpj = None) -> QueuedDelivery:
        return await webhooks.test(caller, await webhooks.owner(caller, cnpj), response)

    @routes.post("/v1/webhook/enable", summary="Enable the address, and send what it missed")
    async def enable(caller: Ordering, wanted: WebhookEnabling | None = None, cnpj: Cnpj = None) -> EnabledWebhook:
        return await webhooks.enable(caller, await webhooks.owner(caller, cnpj), wanted)

    @routes.post("/v1/webhook/replay", summary="Send deliveries again by state and time", status_code=202)
    async def replay(wanted: WebhookReplay, caller: Ordering, cnpj: Cnpj = None) -> ReplayedDeliveries:
        return await webhooks.replay(caller, await webhooks.owner(caller, cnpj), wanted)


def _add_operators_routes(routes: APIRouter, webhooks: WebhookRoutes, authenticator: ApiKeyAuthenticator) -> None:
    Viewer = Annotated[Caller, Depends(authenticator.require(Scope.VIEWER))]
    Admin = Annotated[Caller, Depends(authenticator.require(Scope.ADMIN))]

    @routes.get(
        "/admin/webhook", tags=["admin"], summary="The operator's address, which receives the events of all pharmacies"
    )
    async def show_own(caller: Viewer) -> WebhookAnswer:
        return await webhooks.show(await webhooks.operator(caller))

    @routes.put("/admin/webhook", tags=["admin"], summary="Set the operator's address; a new one gets its secret")
    async def put_own(wanted: WebhookSettings, caller: Admin) -> WebhookWithSecret:
        return await webhooks.put(caller, await webhooks.operator(caller), wanted)

    @routes.delete("/admin/webhook", tags=["admin"], summary="Delete the operator's address")
    async def delete_own(caller: Admin) -> DeletedWebhook:
        return await webhooks.delete(caller, await webhooks.operator(caller))

    @routes.post("/admin/webhook/rotate", tags=["admin"], summary="Give the operator's address a new secret")
    async def rotate_own(caller: Admin, wanted: WebhookRotation | None = None) -> WebhookWithSecret:
        return await webhooks.rotate(caller, await webhooks.operator(caller), wanted)


def _add_operators_orders(routes: APIRouter, webhooks: WebhookRoutes, authenticator: ApiKeyAuthenticator) -> None:
    Operator = Annotated[Caller, Depends(authenticator.require(Scope.OPERATOR))]

    @routes.post(
        "/admin/webhook/test", tags=["admin"], summary="Send `webhook.test` to the operator's address", status_code=202
    )
    async def test_own(caller: Operator, response: Response) -> QueuedDelivery:
        return await webhooks.test(caller, await webhooks.operator(caller), response)

    @routes.post(
        "/admin/webhook/enable", tags=["admin"], summary="Enable the operator's address, and send what it missed"
    )
    async def enable_own(caller: Operator, wanted: WebhookEnabling | None = None) -> EnabledWebhook:
        return await webhooks.enable(caller, await webhooks.operator(caller), wanted)

    @routes.post(
        "/admin/webhook/replay",
        tags=["admin"],
        summary="Send deliveries to the operator's address again",
        status_code=202,
    )
    async def replay_own(wanted: WebhookReplay, caller: Operator) -> ReplayedDeliveries:
        return await webhooks.replay(caller, await webhooks.operator(caller), wanted)

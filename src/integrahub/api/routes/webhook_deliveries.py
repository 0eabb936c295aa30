"""Routes of webhook deliveries: list them, read one with its attempts, send one again."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from starlette.responses import Response

from integrahub.access.webhook_owners import WebhookOwners
from integrahub.access.webhooks import Webhooks
from integrahub.api.auth.authentication import ApiKeyAuthenticator
from integrahub.api.auth.guarded_route import AuthenticatedRouter
from integrahub.api.cursors import decode_values
from integrahub.api.models.base import Moment
from integrahub.api.models.webhooks import (
    AttemptAnswer,
    DeliveryAnswer,
    DeliveryDetails,
    DeliveryPage,
    QueuedDelivery,
)
from integrahub.api.routes.webhooks import queued
from integrahub.db.database import Database
from integrahub.db.webhooks import deliveries
from integrahub.db.webhooks.rows import Delivery, DeliveryFilters, DeliveryPosition
from integrahub.domain import cursors
from integrahub.domain.api_keys import Caller, Scope
from integrahub.domain.errors import BadRequest, Forbidden, NotFound
from integrahub.domain.pharmacies import unmask
from integrahub.domain.webhooks.events import EventType
from integrahub.domain.webhooks.states import DeliveryState


class WebhookDeliveries:
    """Read and replay deliveries, as far as they are the caller's."""

    def __init__(self, owners: WebhookOwners, webhooks: Webhooks) -> None:
        self._owners = owners
        self._webhooks = webhooks

    async def list_page(self, caller: Caller, filters: DeliveryFilters, cursor: str | None, limit: int) -> DeliveryPage:
        """Return one page of deliveries, newest first."""
        if filters.cnpj and not caller.can_see(filters.cnpj):
            raise Forbidden("other_pharmacy", cnpj=filters.cnpj[:20])
        database, endpoints = await self._owners.list_endpoints(caller)
        rows = await deliveries.fetch_page(database, endpoints, filters, _read_position(cursor), limit)
        last = rows[-1] if len(rows) == limit else None
        next_cursor = cursors.encode(last.created_at.isoformat(), str(last.id)) if last else None
        return DeliveryPage(items=[_to_answer(row) for row in rows], next_cursor=next_cursor)

    async def show(self, caller: Caller, delivery_id: UUID) -> DeliveryDetails:
        """Return a delivery with its body and its attempts. What the receiver answered is for operators only."""
        database, delivery = await self._find(caller, delivery_id)
        shown = () if caller.can(Scope.VIEWER) else ("excerpt",)
        attempts = [
            AttemptAnswer.model_validate(row).model_copy(update=dict.fromkeys(shown))
            for row in await deliveries.list_attempts(database, delivery_id)
        ]
        details = {"body": delivery.body, "attempt_log": attempts}
        return DeliveryDetails.model_validate(dict(_to_answer(delivery)) | details)

    async def replay(self, caller: Caller, delivery_id: UUID) -> UUID:
        """Send a delivery again under its id."""
        database, delivery = await self._find(caller, delivery_id)
        await self._webhooks.replay(caller, database, delivery)
        return delivery_id

    async def _find(self, caller: Caller, delivery_id: UUID) -> tuple[Database, Delivery]:
        database, endpoints = await self._owners.list_endpoints(caller)
        delivery = await deliveries.find(database, delivery_id, endpoints)
        if delivery is None:
            raise NotFound("delivery_not_found", delivery_id=delivery_id)
        return database, delivery


def _to_answer(row: Delivery) -> DeliveryAnswer:
    members = {name: getattr(row, name, None) for name in DeliveryAnswer.model_fields}
    return DeliveryAnswer.model_validate(members | {"webhook_id": row.endpoint_id})


def _read_position(cursor: str | None) -> DeliveryPosition | None:
    values = decode_values(cursor, str, str)
    if values is None:
        return None
    try:
        return DeliveryPosition(datetime.fromisoformat(values[0]), UUID(values[1]))
    except ValueError:
        raise BadRequest("cursor_invalid") from None


def router(webhook_deliveries: WebhookDeliveries, authenticator: ApiKeyAuthenticator) -> APIRouter:
    """Return the routes: reads require the scope `read`, replays `ingest` or an operator."""
    routes = AuthenticatedRouter(tags=["webhooks"])
    Reader = Annotated[Caller, Depends(authenticator.require(Scope.READ))]

    @routes.get("/v1/webhook/deliveries", summary="Deliveries of the last 30 days, newest first")
    async def page(
        caller: Reader,
        state: DeliveryState | None = None,
        event: EventType | None = None,
        batch_id: UUID | None = None,
        cnpj: Annotated[str | None, Query(description="only events of this pharmacy")] = None,
        since: Moment | None = None,
        limit: Annotated[int, Query(ge=1, le=500)] = 50,
        cursor: Annotated[str | None, Query(description="`next_cursor` of the page before")] = None,
    ) -> DeliveryPage:
        filters = DeliveryFilters(state, event, batch_id, unmask(cnpj) if cnpj else None, since)
        return await webhook_deliveries.list_page(caller, filters, cursor, limit)

    _add_single(routes, webhook_deliveries, authenticator)
    return routes


def _add_single(routes: APIRouter, webhook_deliveries: WebhookDeliveries, authenticator: ApiKeyAuthenticator) -> None:
    Reader = Annotated[Caller, Depends(authenticator.require(Scope.READ))]
    Ordering = Annotated[Caller, Depends(authenticator.require(Scope.INGEST, Scope.OPERATOR, audited=True))]

    @routes.get("/v1/webhook/deliveries/{delivery_id}", summary="A delivery with its body and its attempts")
    async def show(delivery_id: UUID, caller: Reader) -> DeliveryDetails:
        return await webhook_deliveries.show(caller, delivery_id)

    @routes.post("/v1/webhook/deliveries/{delivery_id}/replay", summary="Send a delivery again", status_code=202)
    async def replay(delivery_id: UUID, caller: Ordering, response: Response) -> QueuedDelivery:
        return queued(await webhook_deliveries.replay(caller, delivery_id), response)

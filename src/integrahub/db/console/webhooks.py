"""Reads of the pages of webhooks: endpoints and deliveries of all owners."""

from datetime import datetime
from typing import LiteralString
from uuid import UUID

from msgspec.structs import asdict

from integrahub.db.console.webhooks_rows import (
    MAX_COUNTED_DELIVERIES,
    DeliveryFilters,
    DeliveryRow,
    EndpointFilters,
    EndpointPosition,
    EndpointRow,
    WholeDelivery,
)
from integrahub.db.database import Database
from integrahub.db.queries import load_queries
from integrahub.db.rows import fetch_all, fetch_one, fetch_value
from integrahub.db.webhooks.rows import DeliveryPosition
from integrahub.domain.webhooks.states import DeliveryState

_SQL = load_queries(__name__)
_TROUBLED = (DeliveryState.FAILED, DeliveryState.HELD)


async def list_endpoints(
    database: Database, filters: EndpointFilters, after: EndpointPosition | None, limit: int
) -> list[EndpointRow]:
    """Return up to `limit` endpoints, those that ask for attention first."""
    params = asdict(filters) | {"counted": MAX_COUNTED_DELIVERIES, "limit": limit}
    params |= {"after_rank": after and after.rank, "after_id": after and after.id}
    async with database.transaction() as connection:
        return await fetch_all(connection, _SQL["endpoints"], params, EndpointRow)


async def find_endpoint(database: Database, endpoint_id: UUID) -> EndpointRow | None:
    """Return an endpoint that is not deleted."""
    rows = await list_endpoints(database, EndpointFilters(id=endpoint_id), None, 1)
    return rows[0] if rows else None


def deliveries_statement(filters: DeliveryFilters, *, has_top: bool = False) -> LiteralString:
    """Return the listing of deliveries with a condition per filter, so that each is found by its own index."""
    top = [_SQL["up_to_top"]] if has_top else []
    return "\n".join([_SQL["deliveries"], *_conditions(filters), *top, _SQL["newest_first"]])


def newer_statement(filters: DeliveryFilters) -> LiteralString:
    """Return the count of the deliveries that are newer than the first line of a list."""
    return "\n".join([_SQL["newer"], *_conditions(filters), _SQL["newer_end"]])


def _conditions(filters: DeliveryFilters) -> list[LiteralString]:
    parts: list[LiteralString] = []
    if filters.state:
        parts.append(_SQL["in_troubled_state"] if filters.state in _TROUBLED else _SQL["in_state"])
    if filters.event:
        parts.append(_SQL["of_event"])
    if filters.cnpj:
        parts.append(_SQL["of_pharmacy"])
    if filters.endpoint:
        parts.append(_SQL["of_endpoint"])
    return parts


async def list_deliveries(
    database: Database,
    filters: DeliveryFilters,
    after: DeliveryPosition | None,
    limit: int,
    top: tuple[datetime, UUID] | None = None,
) -> list[DeliveryRow]:
    """Return up to `limit` deliveries, newest first, from the line `top` on."""
    params = asdict(filters) | {"limit": limit}
    params |= {"after_at": after and after.created_at, "after_id": after and after.id}
    params |= {"top": top and top[0], "top_id": top and top[1]}
    async with database.transaction() as connection:
        return await fetch_all(connection, deliveries_statement(filters, has_top=top is not None), params, DeliveryRow)


async def count_newer(database: Database, filters: DeliveryFilters, top: tuple[datetime, UUID]) -> int:
    """Count deliveries that match and are newer than the first line that a reader sees, up to 100."""
    params = asdict(filters) | {"top": top[0], "top_id": top[1]}
    async with database.transaction() as connection:
        return await fetch_value(connection, newer_statement(filters), params, int) or 0


async def find_delivery(database: Database, delivery_id: UUID) -> WholeDelivery | None:
    """Return one delivery with its body."""
    async with database.transaction() as connection:
        return await fetch_one(connection, _SQL["find_delivery"], {"id": delivery_id}, WholeDelivery)


async def count_deliveries(database: Database, endpoint_id: UUID, state: DeliveryState, since: datetime) -> int:
    """Return how many deliveries of an endpoint are in a state since a time, at most `MAX_COUNTED_DELIVERIES` + 1."""
    params = {"endpoint": endpoint_id, "state": state, "since": since, "counted": MAX_COUNTED_DELIVERIES}
    async with database.transaction() as connection:
        return await fetch_value(connection, _SQL["count_in_state"], params, int) or 0
